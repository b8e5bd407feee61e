// Any two prompts side by side: their lines, and of those that changed the words that did.

const compareDialog = document.getElementById("compare");
const compared = document.getElementById("compared");
const sides = [document.getElementById("compare-left"), document.getElementById("compare-right")];
const MOST_LINES = 4_000_000; // of one times the other: above it, all between the first and last difference is one change

const edges = (left, right) => {
  const most = Math.min(left.length, right.length);
  let start = 0;
  while (start < most && left[start] === right[start]) start++;
  let end = 0;
  while (end < most - start && left[left.length - 1 - end] === right[right.length - 1 - end]) end++;
  return [start, end];
};

// The longest common lines, by the table of their lengths.
const steps = (left, right) => {
  if (left.length * right.length > MOST_LINES) return [...left.map((line) => [line, null]), ...right.map((line) => [null, line])];
  const width = right.length + 1;
  const lengths = new Uint32Array((left.length + 1) * width);
  for (let i = left.length - 1; i >= 0; i--) {
    for (let j = right.length - 1; j >= 0; j--) {
      lengths[i * width + j] = left[i] === right[j] ? lengths[(i + 1) * width + j + 1] + 1 : Math.max(lengths[(i + 1) * width + j], lengths[i * width + j + 1]);
    }
  }
  const made = [];
  let [i, j] = [0, 0];
  while (i < left.length || j < right.length) {
    if (i < left.length && j < right.length && left[i] === right[j]) made.push([left[i++], right[j++]]);
    else if (j === right.length || (i < left.length && lengths[(i + 1) * width + j] >= lengths[i * width + j + 1])) made.push([left[i++], null]);
    else made.push([null, right[j++]]);
  }
  return made;
};

// Lines that went and lines that came in their place stand beside each other.
const paired = (found) => {
  const made = [];
  let [gone, come] = [[], []];
  const flush = () => {
    for (let index = 0; index < Math.max(gone.length, come.length); index++) made.push([gone[index] ?? null, come[index] ?? null]);
    [gone, come] = [[], []];
  };
  for (const [left, right] of found) {
    if (left !== null && right !== null) {
      flush();
      made.push([left, right]);
    } else if (left !== null) gone.push(left);
    else come.push(right);
  }
  flush();
  return made;
};

const rowsOf = (before, after) => {
  const [left, right] = [before.split("\n"), after.split("\n")];
  const [start, end] = edges(left, right);
  const same = (lines) => lines.map((line) => [line, line]);
  const middle = paired(steps(left.slice(start, left.length - end), right.slice(start, right.length - end)));
  return [...same(left.slice(0, start)), ...middle, ...same(end ? left.slice(-end) : [])];
};

const changedIn = (line, other, tag) => {
  if (other === null) return [make(tag, "", line)];
  const [mine, theirs] = [line, other].map((text) => text.match(/[\p{L}\p{N}_]+|\s+|[^\p{L}\p{N}_\s]/gu) ?? []);
  const [start, end] = edges(mine, theirs);
  const middle = mine.slice(start, mine.length - end).join("");
  return [mine.slice(0, start).join(""), ...(middle ? [make(tag, "", middle)] : []), end ? mine.slice(-end).join("") : ""];
};

const rowOf = ([left, right]) => {
  const kind = left === right ? "same" : left === null ? "added" : right === null ? "removed" : "changed";
  const cell = (name, line, other, tag) => make("td", name, ...(line === null ? [] : kind === "same" ? [line] : changedIn(line, other, tag)));
  return make("tr", kind, cell("left", left, right, "del"), cell("right", right, left, "ins"));
};

const tableOf = (left, right) => {
  const rows = rowsOf(left.text, right.text);
  const head = [left, right].map((prompt) => make("th", "", make("bdi", "", spelled(prompt.ref))));
  for (const each of head) each.scope = "col";
  const number = rows.filter(([before, after]) => before !== after).length;
  const note = number === 0 ? "The prompts are the same." : `${number.toLocaleString("en")} of ${rows.length.toLocaleString("en")} lines differ.`;
  return [make("p", "note", note), make("table", "diff", make("thead", "", make("tr", "", ...head)), make("tbody", "", ...rows.map(rowOf)))];
};

const keyOf = (index) => prompts[index].ref;
const showCompared = () => {
  const [left, right] = sides.map((select) => select.value);
  compared.replaceChildren(...tableOf(prompts[left], prompts[right]));
  putAddress(`#compare=${[left, right].map((index) => encodeURIComponent(keyOf(index))).join("&")}`);
};

// The prompts of these references; without, the first two.
const compare = async (refs) => {
  await loaded;
  if (prompts.length === 0) return;
  for (const [place, select] of sides.entries()) {
    if (!select.length) select.append(...prompts.map((prompt, index) => new Option(spelled(prompt.ref), index)));
    const known = prompts.findIndex((prompt) => prompt.ref === refs[place]);
    select.value = known < 0 ? Math.min(place, prompts.length - 1) : known;
  }
  if (!compareDialog.open) compareDialog.showModal();
  showCompared();
};
for (const select of sides) select.addEventListener("change", showCompared);
document.getElementById("compare-two").addEventListener("click", () => compare([]));
document.getElementById("compare-close").addEventListener("click", () => compareDialog.close());
compareDialog.addEventListener("close", () => {
  if (location.hash.startsWith("#compare=")) putAddress("");
});

if (location.hash) goTo(location.hash);
