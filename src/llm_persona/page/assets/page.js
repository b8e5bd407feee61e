"use strict";
(() => {
  const all = document.getElementById("all");
  const results = document.getElementById("results");
  const search = document.getElementById("search");
  const found = document.getElementById("found");
  const said = document.getElementById("said");
  const prompts = JSON.parse(document.getElementById("prompts").textContent);

  const make = (tag, name, ...content) => {
    const element = document.createElement(tag);
    if (name) element.className = name;
    element.append(...content);
    return element;
  };

  // Searching: all words must be in a card's texts or prompts; cards whose name or role has them come first.

  const fold = (text) => text.normalize("NFKD").replace(/\p{M}+/gu, "").toLowerCase();
  const cards = [...all.children];
  const entries = cards.map((card) => ({ card, names: null, texts: null }));

  const read = (entry) => {
    if (entry.texts !== null) return;
    const head = entry.card.querySelectorAll("h2 bdi, .role bdi");
    entry.names = fold([...head].map((bdi) => bdi.textContent).join("\n"));
    const texts = [...entry.card.querySelectorAll("bdi")].map((bdi) => bdi.textContent);
    for (const { dataset } of entry.card.querySelectorAll("details.prompt")) texts.push(prompts[dataset.prompt].text);
    entry.texts = fold(texts.join("\n"));
  };

  const later = window.requestIdleCallback ?? ((work) => setTimeout(() => work({ timeRemaining: () => 10 }), 1));
  let unread = 0;
  const readOn = (deadline) => {
    while (unread < entries.length && deadline.timeRemaining() > 2) read(entries[unread++]);
    if (unread < entries.length) later(readOn);
  };
  later(readOn);

  // Found cards move to the results, a screenful at a time: putting away all the others would take as long as there
  // are many. Each leaves a mark in its place.

  const MANY = 20;
  const taken = [];
  let hits = [];
  const take = () => {
    for (const card of hits.slice(taken.length, taken.length + MANY)) {
      const place = document.createComment("");
      card.replaceWith(place);
      results.append(card);
      taken.push([card, place]);
    }
  };
  const putBack = () => {
    for (const [card, place] of taken.splice(0)) place.replaceWith(card);
  };
  const show = (now, searching) => {
    if (searching === all.hidden && now.length === hits.length && now.every((card, index) => card === hits[index])) return;
    putBack();
    hits = now;
    all.hidden = searching;
    results.hidden = !searching;
    take();
    scrollTo(0, 0);
  };
  const end = make("div", "end");
  results.after(end);
  new IntersectionObserver((seen) => {
    if (seen.some((entry) => entry.isIntersecting)) take();
  }, { rootMargin: "1500px" }).observe(end);

  const find = () => {
    const words = fold(search.value).split(/\s+/).filter(Boolean);
    if (words.length === 0) {
      show([], false);
      found.textContent = "";
      return;
    }
    const named = [];
    const others = [];
    for (const entry of entries) {
      read(entry);
      if (words.every((word) => entry.names.includes(word))) named.push(entry.card);
      else if (words.every((word) => entry.texts.includes(word))) others.push(entry.card);
    }
    show([...named, ...others], true);
    const number = hits.length;
    found.textContent = number === 0 ? "Nothing found" : `${number.toLocaleString("en")} of ${cards.length.toLocaleString("en")}`;
  };
  search.addEventListener("input", find);

  document.addEventListener("keydown", (event) => {
    const typing = event.target instanceof HTMLInputElement;
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "Escape" && event.target === search) {
      search.value = "";
      find();
    }
  });

  // A link to a card that the search has put away ends the search first.
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href^='#persona-']");
    if (!link || !document.getElementById(link.hash.slice(1))?.closest("[hidden]")) return;
    search.value = "";
    find();
  });

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
    const words = giver || field ? [who, field, place] : [who, written];
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

  const open = (details) => {
    if (!details.open || details.querySelector(".text")) return;
    const prompt = prompts[details.dataset.prompt];
    const all = lines(prompt);
    const stable = all.filter((line) => line.start < prompt.stable);
    const rest = all.slice(stable.length);
    const text = make("div", "text");
    if (stable.length) text.append(part("stable", `Stable: the same for every session, ${prompt.stable.toLocaleString("en")} characters`, stable));
    if (rest.some((line) => line.spans.length)) text.append(part("varying", "May change with the session", rest));
    if (prompt.sources.length) details.append(legend(prompt));
    details.append(text);
  };
  // Toggling does not bubble.
  document.addEventListener("toggle", (event) => {
    if (event.target.matches?.("details.prompt")) open(event.target);
  }, true);

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
    const done = await copied(prompts[button.dataset.prompt].text);
    said.textContent = done ? "Copied" : "The browser did not let this page copy";
    const label = button.firstChild;
    label.data = done ? "Copied" : "Not copied";
    setTimeout(() => {
      label.data = "Copy";
      said.textContent = "";
    }, 1500);
  });
  for (const button of document.querySelectorAll("button.copy")) button.hidden = false;

  if (matchMedia("(max-width: 60rem)").matches) document.getElementById("tree").open = false;
})();
