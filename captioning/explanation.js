// A word shows on the big photograph what its tile shows on the small one, which holds all there is to show.
const show = (figure, row) => {
  const tile = figure.querySelector(`.tile[data-row="${row}"]`);
  figure.querySelector(".both > .look").style.setProperty("--veil", tile.style.getPropertyValue("--veil"));
  tell(figure, [...tile.children].slice(1));
};
