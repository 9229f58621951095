// Pointing at a word, tapping it or reaching it with the keyboard chooses it. The document listens, so that
// one script serves every explanation of a page, later ones too. What to show is up to each kind: show().
const choose = (figure, row, column) => {
  const same = row === undefined ? `[data-column="${column}"]` : `[data-row="${row}"]`;
  for (const each of figure.querySelectorAll(".chosen")) each.classList.remove("chosen");
  for (const each of figure.querySelectorAll(same)) each.classList.add("chosen");
  show(figure, row, column);
};
// What is known of a word, copied from the elements that hold it.
const tell = (figure, elements) => {
  figure.querySelector(".detail").replaceChildren(...elements.map((element, place) => {
    const copy = document.createElement(place ? "span" : "b");
    copy.className = element.className;
    copy.append(...[...element.childNodes].map(node => node.cloneNode(true)));
    return copy;
  }));
};
for (const kind of ["pointerover", "focusin", "click"]) document.addEventListener(kind, event => {
  const word = event.target.closest?.(".inwords-explanation :is([data-row], [data-column])");
  if (word) choose(word.closest(".inwords-explanation"), word.dataset.row, word.dataset.column);
});
