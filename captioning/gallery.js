// Everything to show is in the page already: this hides, reorders and counts.
const [grid, controls, find, order, found, none, summary] =
  ["photographs", "controls", "find", "order", "found", "none", "summary"].map(id => document.getElementById(id));
const plain = text => text.toLowerCase().normalize("NFD").replace(/\p{M}/gu, "");
// In English, a word typed is the beginning of a word, or "man" would find every woman. Elsewhere words are
// compounds (Fußball), or have no spaces between them.
const start = /^en\b/i.test(grid.lang) ? " " : "";
const cards = [...grid.children].map((figure, place) => {
  const name = figure.querySelector(".name").textContent;
  const texts = [...figure.querySelectorAll("[dir]")].map(each => each.textContent).join(" ");
  return {figure, place, name, names: plain(name), words: " " + plain(texts).replace(/[^\p{L}\p{N}]+/gu, " "),
    sure: parseFloat(figure.dataset.sure)};
});
const count = number => number.toLocaleString("en");
const failed = document.querySelectorAll("#errors li").length;
summary.textContent = count(cards.length) + (cards.length === 1 ? " photograph" : " photographs");
if (failed) {
  const link = document.createElement("a");
  link.href = "#errors";
  link.textContent = count(failed) + " without a caption";
  summary.append(", and ", link);
}
summary.append(".");

function filter() {
  const wanted = plain(find.value).split(/\s+/).filter(Boolean)
    .map(word => [word, start + word.replace(/[^\p{L}\p{N}]+/gu, " ").trim()]);
  let shown = 0;
  for (const {figure, names, words} of cards) {
    const fits = wanted.every(([name, word]) => names.includes(name) || (word.trim() && words.includes(word)));
    if (figure.hidden === fits) figure.hidden = !fits;
    shown += fits;
  }
  found.textContent = wanted.length ? count(shown) + " of " + count(cards.length) : "";
  none.hidden = shown > 0 || !wanted.length;
}

const collator = new Intl.Collator("en", {numeric: true});
const orders = {
  given: (a, b) => a.place - b.place,
  name: (a, b) => collator.compare(a.name, b.name),
  surest: (a, b) => (b.sure || 0) - (a.sure || 0),
  doubtful: (a, b) => (a.sure || 2) - (b.sure || 2),  // what has no confidence comes last in both
};
function sort() {
  cards.sort((a, b) => orders[order.value](a, b) || a.place - b.place);
  grid.append(...cards.map(card => card.figure));
}

find.addEventListener("input", filter);
order.addEventListener("change", sort);
controls.addEventListener("submit", event => event.preventDefault());
document.addEventListener("keydown", event => {
  if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !event.target.closest("input, select")) {
    event.preventDefault();
    find.select();
  } else if (event.key === "Escape" && event.target === find) {
    find.value = "";
    filter();
  }
});
controls.hidden = !cards.length;
// A browser that comes back to the page keeps what was typed and chosen.
if (find.value) filter();
if (order.value !== "given") sort();
