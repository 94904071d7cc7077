"""Style and script of the lineage page."""

STYLE = """
:root { color-scheme: light dark; --back: #fff; --text: #1d232a; --dim: #68737d; --line: #d5dbe1;
  --band: #f3f5f7; --mark: #0b62c4; --chosen: #ffe9b8; --rows: #9a6a00; }
@media (prefers-color-scheme: dark) { :root { --back: #14181d; --text: #e6eaee; --dim: #9aa5b1;
  --line: #333c46; --band: #1d232a; --mark: #6db1ff; --chosen: #584308; --rows: #e0b050; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text);
  font: 14px/1.35 system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
header { position: sticky; top: 0; z-index: 3; display: flex; flex-wrap: wrap; gap: 8px 18px;
  align-items: center; padding: 10px 20px; background: var(--band);
  border-bottom: 1px solid var(--line); }
h1 { font-size: 19px; margin: 0; }
input[type=search] { flex: 1 1 22em; max-width: 40em; padding: 6px 10px; font: inherit;
  color: inherit; background: var(--back); border: 1px solid var(--line); border-radius: 5px; }
button { font: inherit; color: inherit; }
#clear { background: var(--back); border: 1px solid var(--line); border-radius: 5px;
  padding: 5px 12px; cursor: pointer; }
#told { margin: 0; padding: 8px 20px; min-height: 2.6em; color: var(--dim);
  overflow-wrap: anywhere; }
#told b { color: var(--text); }
#told code { color: var(--text); font-size: 13px; }
main { position: relative; display: grid; grid-template-columns: repeat(4, minmax(0, 1fr));
  gap: 0 clamp(40px, 6vw, 110px); padding: 0 20px 40px; align-items: start; }
#edges { position: absolute; inset: 0; width: 100%; height: 100%; pointer-events: none; }
#edges path { fill: none; stroke: var(--mark); stroke-width: 1.2; opacity: .55; }
#edges path.group { stroke: var(--dim); opacity: .28; }
#edges path.rows { stroke: var(--rows); stroke-dasharray: 4 4; opacity: .55; }
h2 { font-size: 15px; margin: 4px 0 8px; }
h2 small { color: var(--dim); font-weight: 400; }
.owner { margin: 0 0 4px; border: 1px solid var(--line); border-radius: 6px;
  background: var(--band); overflow: hidden; }
.head, .item { display: block; width: 100%; text-align: left; border: 0;
  background: none; padding: 3px 9px; cursor: pointer; overflow: hidden;
  text-overflow: ellipsis; white-space: nowrap; }
.head { font-weight: 600; }
.head small { color: var(--dim); font-weight: 400; }
.item { padding-left: 20px; background: var(--back); border-top: 1px solid var(--line); }
.head:hover, .item:hover { color: var(--mark); }
button:focus-visible, input:focus-visible { outline: 2px solid var(--mark); outline-offset: -2px; }
.chosen { background: var(--chosen); font-weight: 600; }
.hidden { display: none !important; }
@media (max-width: 760px) { main { gap: 0 14px; padding: 0 6px 30px; } body { font-size: 12px; } }
"""

SCRIPT = """
"use strict";
const users = COLUMNS.map(() => ({ values: [], rows: [] }));
COLUMNS.forEach((column, number) => {
  for (const way of ["values", "rows"])
    for (const source of column[way]) users[source][way].push(number);
});
const title = column => column.kind === 3 ? column.owner : column.owner + "." + column.name;
const search = document.getElementById("search");
const withRows = document.getElementById("rows");
const told = document.getElementById("told");
const edges = document.getElementById("edges");
let chosen = [];

function reached(start, ways, next) {
  const found = new Set(start);
  const left = [...start];
  while (left.length) {
    const number = left.pop();
    for (const way of ways)
      for (const other of next(number)[way])
        if (!found.has(other)) { found.add(other); left.push(other); }
  }
  return found;
}

function path(numbers) {
  const ways = withRows.checked ? ["values", "rows"] : ["values"];
  return new Set([...reached(numbers, ways, n => COLUMNS[n]),
                  ...reached(numbers, ways, n => users[n])]);
}

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

const owners = new Map();
const elements = COLUMNS.map((column, number) => {
  const key = column.kind + " " + column.owner;
  if (!owners.has(key)) {
    const box = make("div", "owner");
    const head = make("button", "head", column.owner);
    head.type = "button";
    head.addEventListener("click", () => choose(owners.get(key).members));
    box.append(head);
    document.querySelector('.list[data-kind="' + column.kind + '"]').append(box);
    owners.set(key, { box, head, members: [], kind: column.kind });
  }
  const owner = owners.get(key);
  owner.members.push(number);
  const item = make("button", "item", column.name);
  item.type = "button";
  item.title = column.text;
  item.addEventListener("click", () => choose([number]));
  if (column.kind === 3) item.classList.add("hidden");
  owner.box.append(item);
  return item;
});
for (const owner of owners.values())
  if (owner.kind !== 3) owner.head.append(make("small", "", "  " + owner.members.length));

function matching(words) {
  return [...COLUMNS.keys()].filter(n => title(COLUMNS[n]).toLowerCase().includes(words));
}

function show() {
  const words = search.value.trim().toLowerCase();
  const shown = chosen.length ? path(chosen)
    : words ? new Set(matching(words)) : null;
  for (const owner of owners.values()) {
    const members = shown ? owner.members.filter(n => shown.has(n)) : owner.members;
    owner.box.classList.toggle("hidden", !members.length);
    owner.head.classList.toggle("chosen", owner.kind === 3 && chosen.includes(owner.members[0]));
    for (const number of owner.members) {
      const open = shown && shown.has(number) && COLUMNS[number].kind !== 3;
      elements[number].classList.toggle("hidden", !open);
      elements[number].classList.toggle("chosen", chosen.includes(number));
    }
  }
  tell(words, shown);
  draw(shown);
}

function tell(words, shown) {
  told.replaceChildren();
  if (!chosen.length) {
    told.append(words ? shown.size + " columns match; Enter chooses the first"
      : "Choose a name to see what it is made from and what is made from it.");
    return;
  }
  const first = COLUMNS[chosen[0]];
  const one = chosen.length === 1;
  const ways = withRows.checked ? ["values", "rows"] : ["values"];
  told.append(make("b", "", one ? title(first) : first.owner));
  if (one && first.text) told.append("  ", make("code", "", first.text));
  const names = ["raw fields", "fields", "features", "detectors"];
  const list = next => {
    const others = [...reached(chosen, ways, next)].filter(n => !chosen.includes(n));
    return names.map((word, kind) => [others.filter(n => COLUMNS[n].kind === kind).length, word])
      .filter(([count]) => count).map(([count, word]) => count + " " + word).join(", ");
  };
  const used = first.kind === 3 ? "" : "; in use by " + (list(n => users[n]) || "nothing");
  told.append(make("br"), "made from " + (list(n => COLUMNS[n]) || "the log itself") + used);
}

function draw(shown) {
  edges.replaceChildren();
  const base = edges.getBoundingClientRect();
  const drawn = new Set();
  const place = number => {
    const item = elements[number];
    const column = COLUMNS[number];
    return item.classList.contains("hidden")
      ? owners.get(column.kind + " " + column.owner).head : item;
  };
  const ways = withRows.checked ? ["values", "rows"] : ["values"];
  COLUMNS.forEach((column, number) => {
    if (shown && !shown.has(number)) return;
    for (const way of ways) for (const source of column[way]) {
      if (shown && !shown.has(source)) continue;
      const from = place(source), to = place(number);
      const a = from.getBoundingClientRect(), b = to.getBoundingClientRect();
      const x1 = a.right - base.left, y1 = a.top + a.height / 2 - base.top;
      const x2 = b.left - base.left, y2 = b.top + b.height / 2 - base.top;
      const key = [x1, y1, x2, y2, way].join();
      if (!a.width || !b.width || drawn.has(key)) continue;
      drawn.add(key);
      const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
      const bend = Math.max(20, (x2 - x1) / 2);
      line.setAttribute("d", `M${x1},${y1} C${x1 + bend},${y1} ${x2 - bend},${y2} ${x2},${y2}`);
      line.setAttribute("class", way === "rows" ? "rows" : shown ? "" : "group");
      edges.append(line);
    }
  });
}

function choose(numbers, remember = true) {
  const same = numbers.length === chosen.length && numbers.every(n => chosen.includes(n));
  chosen = same ? [] : numbers;
  if (chosen.length) search.value = "";
  if (remember) history.replaceState(null, "", chosen.length ? "#" + name(chosen) : "#");
  show();
  window.scrollTo(0, 0);
}

function name(numbers) {
  const first = COLUMNS[numbers[0]];
  return encodeURIComponent(numbers.length > 1 ? first.owner : title(first));
}

function fromAddress() {
  const wanted = decodeURIComponent(location.hash.slice(1));
  const all = [...COLUMNS.keys()];
  const exact = all.filter(n => title(COLUMNS[n]) === wanted);
  const found = exact.length ? exact.slice(-1) : all.filter(n => COLUMNS[n].owner === wanted);
  if (found.length) choose(found, false); else show();
}

search.addEventListener("input", () => { chosen = []; show(); });
search.addEventListener("keydown", event => {
  if (event.key !== "Enter") return;
  const words = search.value.trim().toLowerCase();
  const all = matching(words);
  const match = all.find(n => title(COLUMNS[n]).toLowerCase() === words) ?? all[0];
  if (words && match !== undefined) choose([match]);
});
withRows.addEventListener("change", show);
document.getElementById("clear").addEventListener("click", () => {
  chosen = []; search.value = ""; history.replaceState(null, "", "#"); show();
});
document.addEventListener("keydown", event => {
  if (event.key === "Escape") document.getElementById("clear").click();
  if (event.key === "/" && document.activeElement !== search) {
    event.preventDefault(); search.focus();
  }
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const visible = [...document.querySelectorAll("main button")].filter(b => b.offsetParent);
  const at = visible.indexOf(document.activeElement);
  const next = visible[at + (event.key === "ArrowDown" ? 1 : -1)];
  if (at >= 0 && next) { event.preventDefault(); next.focus(); }
});
window.addEventListener("resize", show);
window.addEventListener("hashchange", fromAddress);
fromAddress();
"""
