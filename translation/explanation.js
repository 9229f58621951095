// A word shades what it looked at, or what looked at it. The table holds all there is to show.
const show = (figure, row, column) => {
  const rows = [...figure.querySelectorAll("tbody tr")];
  const attention = (row, column) => rows[row].cells[+column + 1].style.getPropertyValue("--a");
  for (const each of figure.querySelectorAll("p [data-row], p [data-column]")) {
    const other = each.dataset;
    const looked = row !== undefined && other.column !== undefined ? attention(row, other.column)
      : column !== undefined && other.row !== undefined ? attention(other.row, column) : 0;
    each.style.setProperty("--a", looked);
  }
  if (row !== undefined) tell(figure, [rows[row].cells[0], ...[...rows[row].cells].slice(-2)]);
};
