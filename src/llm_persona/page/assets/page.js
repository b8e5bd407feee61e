const all = document.getElementById("all");
const results = document.getElementById("results");
const search = document.getElementById("search");
const found = document.getElementById("found");
const said = document.getElementById("said");

const make = (tag, name, ...content) => {
  const element = document.createElement(tag);
  if (name) element.className = name;
  element.append(...content);
  return element;
};

// In a moment that the browser has; a busy one has none, so what waits does a little at its time all the same.
const later = (work) => window.requestIdleCallback
  ? requestIdleCallback(work, { timeout: 100 })
  : setTimeout(() => work({ timeRemaining: () => 10 }), 1);

// The prompts, as the library made them: compressed JSON in letters of base64. What needs them waits for them.

let prompts = null;
const loaded = (async () => {
  const packed = atob(document.getElementById("prompts").textContent);
  const bytes = Uint8Array.from(packed, (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  prompts = await new Response(stream).json();
  document.documentElement.dataset.ready = "";
})();
loaded.catch(() => { found.textContent = "This browser cannot unpack the prompts: a newer one can"; });

// Addresses: #persona-NAME is a card or a version, #prompt-NAME its prompt, opened; #search=WORDS what was searched for.

const cards = [...all.children];
const ownerOf = (details) => details.closest("[id^='persona-']");
const promptOf = (id) => {
  const owner = document.getElementById(id.replace("prompt-", "persona-"));
  return [...owner?.querySelectorAll("details.prompt") ?? []].find((each) => ownerOf(each) === owner);
};
const addressOf = (details) => `#${ownerOf(details).id.replace("persona-", "prompt-")}`;
const putAddress = (hash) => history.replaceState(null, "", hash || location.pathname + location.search);

let putting = null;

const goTo = (hash) => {
  if (hash.startsWith("#search=")) {
    search.value = decoded(hash.slice("#search=".length));
    find();
  } else if (hash.startsWith("#prompt-")) {
    const details = promptOf(hash.slice(1));
    if (!details) return;
    if (details.closest("[hidden]")) endSearch();
    details.open = true;
    details.scrollIntoView();
  } else if (hash.startsWith("#compare=")) {
    compare(hash.slice("#compare=".length).split("&").map(decoded));
  } else if (document.getElementById(hash.slice(1))?.closest("[hidden]")) {
    endSearch();
    document.getElementById(hash.slice(1)).scrollIntoView();
  }
};
const decoded = (text) => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};
addEventListener("hashchange", () => goTo(location.hash));

// A link to a card that the search has put away ends the search first.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href^='#persona-']");
  if (link && document.getElementById(link.hash.slice(1))?.closest("[hidden]")) endSearch();
});
