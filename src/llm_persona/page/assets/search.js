// Searching: all words must be in a card's texts or prompts; cards whose name or role has them come first.

const fold = (text) => text.normalize("NFKD").replace(/\p{M}+/gu, "").toLowerCase();
const entries = cards.map((card) => ({ card, names: null, texts: null, prompts: [] }));

const headOf = (card) => [...card.querySelectorAll("h2 bdi, .role bdi")].map((bdi) => bdi.textContent);
const nameOf = (entry) => (entry.names ??= fold(headOf(entry.card).join("\n")));
const read = (entry) => {
  if (entry.texts !== null) return;
  nameOf(entry);
  const texts = [...entry.card.querySelectorAll("bdi")].map((bdi) => bdi.textContent);
  entry.prompts = [...entry.card.querySelectorAll("details.prompt")].map((details) => [details, fold(prompts[details.dataset.prompt].text)]);
  entry.texts = fold(texts.join("\n")) + entry.prompts.map(([, text]) => `\n${text}`).join("");
};

let unread = 0;
const readOn = (deadline) => {
  do read(entries[unread++]); while (unread < entries.length && deadline.timeRemaining() > 2);
  if (unread < entries.length) later(readOn);
};
loaded.then(() => entries.length && later(readOn)).catch(() => {});

// Found cards move to the results, a screenful at a time: putting away all the others would take as long as there
// are many. Each leaves a mark in its place.

const MANY = 20;
const taken = [];
let hits = [];
const take = () => {
  for (const entry of hits.slice(taken.length, taken.length + MANY)) {
    const place = document.createComment("");
    entry.card.replaceWith(place);
    results.append(entry.card);
    taken.push([entry.card, place]);
    inSight.observe(entry.card);
  }
};
const putBack = () => {
  for (const [card, place] of taken.splice(0)) {
    inSight.unobserve(card);
    place.replaceWith(card);
  }
};
const show = (now, searching) => {
  if (searching === all.hidden && now.length === hits.length && now.every((entry, index) => entry === hits[index])) return;
  putBack();
  hits = now;
  all.hidden = searching;
  results.hidden = !searching;
  take();
  scrollTo(0, 0);
};
const end = make("div", "end");
results.after(end);

// What matches is opened and marked where it comes into sight. Marks are the browser's own: the page's elements stay.

let words = [];
const marks = window.Highlight ? new Highlight() : null;
if (marks) CSS.highlights.set("found", marks);
const marked = new Map();
const opened = new Set();
const seen = new Set();

const rangesIn = (node) => {
  const at = [];
  let folded = "";
  for (let index = 0; index < node.length;) {
    const letter = String.fromCodePoint(node.data.codePointAt(index));
    const plain = fold(letter);
    for (let each = 0; each < plain.length; each++) at.push(index);
    folded += plain;
    index += letter.length;
  }
  at.push(node.length);
  const ranges = [];
  for (const word of words) {
    for (let from = folded.indexOf(word); from >= 0; from = folded.indexOf(word, from + word.length)) {
      const range = new StaticRange({ startContainer: node, startOffset: at[from], endContainer: node, endOffset: Math.max(at[from + word.length], at[from] + 1) });
      ranges.push(range);
    }
  }
  return ranges;
};
const unmark = (card) => {
  for (const range of marked.get(card) ?? []) marks?.delete(range);
  marked.delete(card);
};
const mark = (card) => {
  unmark(card);
  if (!marks) return;
  const texts = document.createTreeWalker(card, NodeFilter.SHOW_TEXT);
  const ranges = [];
  while (texts.nextNode()) {
    if (!texts.currentNode.parentElement.closest("button, .sizes, .origin")) ranges.push(...rangesIn(texts.currentNode));
  }
  for (const range of ranges) marks.add(range);
  marked.set(card, ranges);
};
const openAndMark = (card) => {
  const entry = entries.find((each) => each.card === card);
  for (const [details, text] of entry.prompts) {
    if (!details.open && words.some((word) => text.includes(word))) {
      opened.add(details);
      openByPage(details);
      fill(details);
    }
  }
  mark(card);
};
let waiting = null;
const markSoon = () => {
  if (waiting || !words.length) return;
  waiting = setTimeout(() => {
    waiting = null;
    loaded.then(() => {
      for (const card of seen) if (words.length) openAndMark(card);
    });
  }, 120);
};
const inSight = new IntersectionObserver((changes) => {
  for (const { target, isIntersecting } of changes) {
    if (isIntersecting && results.contains(target)) seen.add(target);
    else seen.delete(target);
  }
  markSoon();
});
new IntersectionObserver((changes) => {
  if (changes.some((entry) => entry.isIntersecting)) take();
}, { rootMargin: "1500px" }).observe(end);
const clear = () => {
  for (const card of [...marked.keys()]) unmark(card);
  for (const details of opened) details.open = false;
  opened.clear();
  seen.clear();
};

// The tree shows what was found, with those above it.

const leaves = [...document.querySelectorAll("#tree li")].map((item) => [item, item.querySelector("a").hash.slice(1)]);
const cardIds = new Map(entries.map((entry) => [entry.card.id, entry]));
const entryOf = new Map(leaves.map(([item, id]) => [item, cardIds.get(id) ?? cardIds.get(document.getElementById(id)?.closest("article").id)]));
const filterTree = (searching) => {
  const kept = new Set(hits);
  const showing = new Set();
  if (searching) {
    for (const [item] of leaves) {
      if (!kept.has(entryOf.get(item))) continue;
      for (let each = item; each && !showing.has(each); each = each.parentElement.closest("li")) showing.add(each);
    }
  }
  for (const [item] of leaves) {
    const hides = searching && !showing.has(item);
    if (item.hidden !== hides) item.hidden = hides;
  }
};

const find = () => {
  words = fold(search.value).split(/\s+/).filter(Boolean);
  const searching = words.length > 0;
  if (!searching) clear();
  if (searching && !prompts) loaded.then(() => words.length && find()).catch(() => {});
  const named = [];
  const others = [];
  for (const entry of searching ? entries : []) {
    if (prompts) read(entry);
    if (words.every((word) => nameOf(entry).includes(word))) named.push(entry);
    else if (words.every((word) => entry.texts?.includes(word))) others.push(entry);
  }
  const before = hits;
  show([...named, ...others], searching);
  if (before !== hits) filterSoon(searching);
  found.textContent = !searching ? "" : hits.length === 0 ? "Nothing found" : `${hits.length.toLocaleString("en")} of ${cards.length.toLocaleString("en")}`;
  markSoon();
  putSoon();
};

// After the keystroke: cards come first.
let filtering = null;
const filterSoon = (searching) => {
  clearTimeout(filtering);
  filtering = setTimeout(() => filterTree(searching), 60);
};

const putSoon = () => {
  clearTimeout(putting);
  putting = setTimeout(() => {
    const hash = search.value.trim() ? `#search=${encodeURIComponent(search.value.trim())}` : "";
    if (hash ? location.hash !== hash : location.hash.startsWith("#search=")) putAddress(hash);
  }, 150);
};
const endSearch = () => {
  search.value = "";
  find();
};
search.addEventListener("input", find);

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches?.("input, select, textarea") || event.target.closest?.("dialog");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    search.focus();
    search.select();
  } else if (event.key === "Escape" && event.target === search) {
    endSearch();
  }
});
