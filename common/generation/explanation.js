// A token's title says what is known of it, so that without this script a browser shows that. The chart shows
// where the token is, and is a way to it.
for (const token of document.querySelectorAll(".inwords-explanation .written [title]")) {
  token.dataset.said = token.title;
  token.removeAttribute("title");
}
const show = (figure, row) => {
  const token = figure.querySelector(`.written [data-row="${row}"]`);
  const [piece, probability, bits, ...rivals] = token.dataset.said.split("\n");
  const make = (name, kind, ...content) => {
    const element = document.createElement(name);
    element.className = kind;
    element.append(...content);
    return element;
  };
  const bar = make("i", "bar");
  bar.style.setProperty("--p", 1 - (token.style.getPropertyValue("--doubt") || 0));
  const others = rivals.flatMap((rival, place) => {
    const space = rival.lastIndexOf(" ");
    return [place ? " · " : "", make("b", "", rival.slice(0, space)), rival.slice(space)];
  });
  figure.querySelector(".detail").replaceChildren(make("b", "", piece), make("span", "sure", bar, probability),
    make("span", "aside", bits), make("span", "rivals", ...others));
  for (const end of ["x1", "x2"]) figure.querySelector(".marker").setAttribute(end, +row + .5);
};
const goTo = (figure, row) => {
  const last = figure.querySelectorAll(".written [data-row]").length - 1;
  if (last < 0) return;
  choose(figure, String(Math.min(last, Math.max(0, row))));
};
for (const kind of ["pointermove", "click"]) document.addEventListener(kind, event => {
  const chart = event.target.closest?.(".inwords-explanation .chart svg");
  if (!chart) return;
  const {left, width} = chart.getBoundingClientRect(), figure = chart.closest(".inwords-explanation");
  goTo(figure, Math.floor((event.clientX - left) / width * chart.viewBox.baseVal.width));
  if (kind === "click") figure.querySelector(".written .chosen").scrollIntoView({block: "center"});
});
document.addEventListener("keydown", event => {
  const text = event.target.closest?.(".inwords-explanation .written");
  const step = {ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity}[event.key];
  if (!text || !step || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  goTo(text.closest(".inwords-explanation"), +(text.querySelector(".chosen")?.dataset.row ?? -1) + step);
});
