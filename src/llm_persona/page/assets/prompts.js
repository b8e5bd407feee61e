// Prompts: made when they are opened.

const codePoint = (ch) => `U+${ch.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;

const pieces = (text, start, hidden) => {
  const made = [];
  let at = start;
  for (let index = 0; index < hidden.length; index += 2) {
    const from = Math.max(hidden[index], start);
    const to = Math.min(hidden[index] + hidden[index + 1], start + text.length);
    if (from >= to) continue;
    made.push(text.slice(at - start, from - start));
    const unseen = make("span", "unseen", text.slice(from - start, to - start));
    unseen.dataset.shown = [...unseen.textContent].map(codePoint).join(" ");
    made.push(unseen);
    at = to;
  }
  made.push(text.slice(at - start));
  return made;
};

// Labels are words of the page: what would reorder them is spelled.
const spelled = (text) => text.replace(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (ch) => `[${codePoint(ch)}]`);

const described = ([giver, field, place, written, session], short) => {
  const who = giver || (field ? "default" : "template");
  const words = giver || field ? [place, who, field] : [written, who];
  if (!short && written && (giver || field)) words.push(`printed by ${written}`);
  if (!short && session) words.push("holds a session value");
  return spelled(words.filter(Boolean).join(" · "));
};

const colour = (source, prompt) => {
  const ancestor = prompt.ancestors.find(([key]) => key === source[0]);
  return ancestor ? `a${ancestor[1]}` : "of-template";
};

const lines = (prompt) => {
  const made = [];
  let current = { start: 0, spans: [], source: null };
  let at = 0;
  const end = () => {
    made.push(current);
    current = { start: at, spans: [], source: null };
  };
  for (let index = 0; index < prompt.parts.length; index += 2) {
    const source = prompt.sources[prompt.parts[index + 1]] ?? null;
    const slices = prompt.text.slice(at, at + prompt.parts[index]).split("\n");
    slices.forEach((slice, number) => {
      if (number > 0) {
        at += 1;
        end();
      }
      if (!slice) return;
      const span = make("span", source ? colour(source, prompt) : "", ...pieces(slice, at, prompt.hidden));
      if (source?.[4]) span.classList.add("of-session");
      if (source) span.title = described(source, false);
      current.spans.push(span);
      if (source && (!current.source || (!current.source[0] && source[0]))) current.source = source;
      at += slice.length;
    });
  }
  end();
  return made;
};

const legend = (prompt) => {
  const used = new Set(prompt.sources.map(([giver]) => giver));
  const keys = prompt.ancestors.filter(([key]) => used.has(key));
  const items = keys.map(([key, number]) => make("li", `a${number}`, make("bdi", "", spelled(key))));
  if (prompt.sources.some(([giver]) => !giver)) items.push(make("li", "of-template", "template"));
  if (prompt.sources.some((source) => source[4])) items.push(make("li", "", make("span", "of-session", "session")));
  const made = make("ul", "legend", ...items);
  made.setAttribute("aria-label", "Colours");
  return made;
};

const part = (name, title, each) => {
  const made = make("div", `part ${name}`, make("p", "part-title", title));
  let before = "";
  for (const line of each) {
    const origin = line.source ? described(line.source, true) : "";
    const row = make("div", "line", make("span", "code", ...(line.spans.length ? line.spans : [make("br")])));
    if (line.spans.length) {
      const label = make("span", "origin", origin === before ? "" : make("bdi", "", origin));
      label.title = origin;
      row.append(label);
      before = origin;
    }
    made.append(row);
  }
  return made;
};

const sizes = (prompt) => {
  const row = ([name, characters, least, most]) => make("tr", "",
    make("th", "", make("bdi", "", spelled(name))),
    make("td", "", characters.toLocaleString("en")),
    make("td", "", least === most ? `${most}` : `${least.toLocaleString("en")} to ${most.toLocaleString("en")}`));
  const rows = prompt.sizes.map(row);
  for (const each of rows) each.firstChild.scope = "row";
  const head = ["Section", "Characters", "Tokens"].map((title) => make("th", "", title));
  for (const each of head) each.scope = "col";
  const table = make("table", "sizes", make("caption", "", "Sizes by section"), make("thead", "", make("tr", "", ...head)), make("tbody", "", ...rows));
  return table;
};

const fill = (details) => {
  if (!details.open || details.querySelector(".text")) return;
  const prompt = prompts[details.dataset.prompt];
  const each = lines(prompt);
  const stable = each.filter((line) => line.start < prompt.stable);
  const rest = each.slice(stable.length);
  const text = make("div", "text");
  if (stable.length) text.append(part("stable", `Stable: the same for every session, ${prompt.stable.toLocaleString("en")} characters`, stable));
  if (rest.some((line) => line.spans.length)) text.append(part("varying", "May change with the session", rest));
  if (prompt.sources.length) details.append(legend(prompt));
  details.append(text);
  if (prompt.sizes.length) details.append(sizes(prompt));
};
const open = (details) => prompts ? fill(details) : loaded.then(() => fill(details));

// Toggling does not bubble. The address follows what a reader opens, and not what the page opens for them.
const byPage = new Set();
document.addEventListener("toggle", (event) => {
  const details = event.target;
  if (!details.matches?.("details.prompt")) return;
  open(details);
  const own = byPage.delete(details);
  if (!details.open || own || search.value) return;
  clearTimeout(putting); // browsers take only so many changes of the address a second
  putting = setTimeout(() => putAddress(addressOf(details)), 150);
}, true);
const openByPage = (details) => {
  if (!details.open) byPage.add(details);
  details.open = true;
};
const within = () => (all.hidden ? results : all).querySelectorAll("details.prompt");

// All at once: a few for each moment that the browser has, so that the page answers meanwhile.

const openAll = document.getElementById("open-all");
let opening = null;
openAll.addEventListener("click", () => {
  const opens = openAll.getAttribute("aria-pressed") === "false";
  openAll.setAttribute("aria-pressed", opens);
  openAll.textContent = opens ? "Close all prompts" : "Open all prompts";
  if (all.hidden) while (taken.length < hits.length) take();
  const waiting = [...within()];
  opening = waiting;
  const next = (deadline) => {
    for (let least = 20; waiting.length && opening === waiting && (least > 0 || deadline.timeRemaining() > 2); least--) {
      if (opens) openByPage(waiting.shift());
      else waiting.shift().open = false;
    }
    if (waiting.length && opening === waiting) later(next);
  };
  later(next);
});

document.getElementById("print").addEventListener("click", async () => {
  await loaded;
  if (all.hidden) while (taken.length < hits.length) take();
  const closed = [...within()].filter((details) => !details.open);
  for (const details of closed) {
    openByPage(details);
    fill(details);
  }
  print();
  for (const details of closed) details.open = false;
});
document.getElementById("tools").hidden = false;

// Copying: the exact text, also where a page from a file has no clipboard.

const copyBySelecting = (text) => {
  const area = make("textarea", "said", text);
  area.value = text;
  const exact = (event) => {
    event.clipboardData.setData("text/plain", text);
    event.preventDefault();
  };
  const focused = document.activeElement;
  document.body.append(area);
  document.addEventListener("copy", exact, true);
  area.select();
  const done = document.execCommand("copy");
  document.removeEventListener("copy", exact, true);
  area.remove();
  focused?.focus();
  return done;
};

const copied = async (text) => {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelecting(text);
  }
};

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("button.copy");
  if (!button) return;
  await loaded;
  const done = await copied(prompts[button.dataset.prompt].text);
  said.textContent = done ? "Copied" : "The browser did not let this page copy";
  const label = button.firstChild;
  label.data = done ? "Copied" : "Not copied";
  setTimeout(() => {
    label.data = "Copy";
    said.textContent = "";
  }, 1500);
});
for (const details of all.querySelectorAll("details.prompt")) {
  const key = ownerOf(details).getAttribute("aria-label") ?? ownerOf(details).querySelector("h2").textContent;
  const button = make("button", "copy", "Copy", make("span", "said", " the prompt of ", make("bdi", "", key)));
  button.type = "button";
  button.dataset.prompt = details.dataset.prompt;
  details.after(button);
}

if (matchMedia("(max-width: 60rem)").matches) document.getElementById("tree").open = false;
