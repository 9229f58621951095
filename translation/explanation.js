// Pointing at a word shades what it looked at, or what looked at it. The table holds all there is to show.
// The document listens, so that one script serves every explanation of a page, later ones too.
if (!document.inwordsExplanation) {
  document.inwordsExplanation = true;
  const show = event => {
    const word = event.target.closest?.(".inwords-explanation [data-row], .inwords-explanation [data-column]");
    if (!word) return;
    const figure = word.closest(".inwords-explanation");
    const rows = [...figure.querySelectorAll("tbody tr")];
    const {row, column} = word.dataset;
    const attention = (row, column) => rows[row].cells[+column + 1].style.getPropertyValue("--a");
    for (const each of figure.querySelectorAll("p [data-row], p [data-column], tbody tr")) {
      const other = each.dataset;
      const looked = row !== undefined && other.column !== undefined ? attention(row, other.column)
        : column !== undefined && other.row !== undefined ? attention(other.row, column) : 0;
      if (each.tagName !== "TR") each.style.setProperty("--a", looked);
      each.classList.toggle("chosen", other.row === row && other.column === column);
    }
    if (row === undefined) return;
    const [head, ...cells] = rows[row].cells;
    const detail = [head, ...cells.slice(-2)].map((cell, place) => {
      const copy = document.createElement(place ? "span" : "b");
      copy.className = cell.className;
      copy.append(...[...cell.childNodes].map(node => node.cloneNode(true)));
      return copy;
    });
    figure.querySelector(".detail").replaceChildren(...detail);
  };
  for (const kind of ["pointerover", "focusin", "click"]) document.addEventListener(kind, show);
}
