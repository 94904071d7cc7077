// The keyboard of the analysts' pages. Without this script every page still works.
//
//   <ol data-items> <li data-item>     j / k choose one
//   a[data-open] in the chosen item    o or Enter follows it
//   form[data-verdict=one] in it       t f b u press its buttons
//   form[data-verdict=all] in it, or   T F B U (or g, then t f b u) press its buttons
//     else anywhere in the page
//   form[data-undo] in #toasts         z sends the newest
//   [data-key=x]                       x clicks it, or goes to it if it is a field; this goes
//                                      before what x means otherwise
//   [data-shows=id]                    opens the dialog of that id
//   [data-quiet] with hx-get           asks by itself, while somebody looks, and never complains
//   .trail[data-alert]                 q leads to the page before the alerts one went through
"use strict";

const VERDICTS = { t: "true_positive", f: "false_positive", b: "benign_expected", u: "unsure" };
const MOST_TOASTS = 3;
let wholeGroup = false;
let pointing = false;

const items = () => [...document.querySelectorAll("[data-item]")];
const chosen = () => document.querySelector("[data-item].chosen");
const toasts = () => document.getElementById("toasts");

function choose(item, scroll = true) {
  if (!item) return;
  const before = chosen();
  if (before) { before.classList.remove("chosen"); before.removeAttribute("aria-current"); }
  item.classList.add("chosen");
  item.setAttribute("aria-current", "true");
  if (scroll) { item.focus({ preventScroll: true }); item.scrollIntoView({ block: "nearest" }); }
}

function move(step) {
  const all = items();
  const place = all.indexOf(chosen());
  choose(all[place < 0 ? 0 : Math.min(Math.max(place + step, 0), all.length - 1)]);
}

function moveOn(item) {
  const all = items();
  const rest = [...all.slice(all.indexOf(item) + 1), ...all.slice(0, all.indexOf(item))];
  const next = rest.find(other => !other.classList.contains("given"));
  if (item === chosen() && next) choose(next);
}

function open() {
  const link = chosen()?.querySelector("a[data-open]");
  if (link) link.click();
}

function say(text, kind = "") {
  const toast = document.createElement("div");
  toast.className = `toast ${kind}`.trim();
  toast.textContent = text;
  toasts().prepend(toast);
  clearOldToasts();
}

function clearOldToasts() {
  [...toasts().children].slice(MOST_TOASTS).forEach(toast => toast.remove());
}

function judge(key, whole) {
  const item = chosen();
  const wanted = `form[data-verdict=${whole ? "all" : "one"}]`;
  // All that an item folds may be the one alert.
  const form = item?.querySelector(wanted)
    ?? (whole || !item ? document.querySelector(`${wanted}:not([data-item] *)`) : null)
    ?? (whole ? item?.querySelector("form[data-verdict=one]") : null);
  const button = form?.querySelector(`button[value=${VERDICTS[key]}]`);
  if (button) button.click();
  else if (item?.querySelector("form[data-verdict=all]")) {
    say(`This folds ${item.dataset.folds} alerts: Shift+${key.toUpperCase()} judges all, o opens it.`);
  }
}

function undo() {
  const form = toasts().querySelector("form[data-undo]");
  if (!form) { say("Nothing to take back."); return; }
  // A key may be quicker than htmx, which lets a toast settle first: the form would leave the page.
  htmx.process(form);
  form.requestSubmit();
}

function use(target) {
  if (target.matches("input, select, textarea")) { target.focus(); target.select?.(); }
  else target.click();
}

const writes = target => target.matches?.("input:not([type=checkbox], [type=radio]), select, textarea");

document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "Escape" && writes(event.target)) { event.target.blur(); return; }
  if (writes(event.target) || document.querySelector("dialog[open]")) return;
  const { key } = event, whole = wholeGroup;
  const own = [...document.querySelectorAll("[data-key]")].find(one => one.dataset.key === key);
  wholeGroup = false;
  if (own) use(own);
  else if (key === "j" || key === "k") move(key === "j" ? 1 : -1);
  else if (key === "o" || (key === "Enter" && event.target.matches("[data-item], body, main"))) open();
  else if (key === "g") wholeGroup = true;
  else if (key in VERDICTS) judge(key, whole);
  else if (key.length === 1 && key !== key.toLowerCase() && key.toLowerCase() in VERDICTS) {
    judge(key.toLowerCase(), true);
  } else if (key === "z") undo();
  else return;
  event.preventDefault();
});

document.addEventListener("click", event => {
  const shows = event.target.closest?.("[data-shows]");
  if (shows) document.getElementById(shows.dataset.shows).showModal();
  const item = event.target.closest?.("[data-item]");
  if (item) choose(item, false);
});

// Not while a button of the mouse is down: what is chosen grows, and the click would miss its aim.
document.addEventListener("pointerdown", () => { pointing = true; });
for (const end of ["pointerup", "pointercancel"]) {
  document.addEventListener(end, () => { pointing = false; });
}
document.addEventListener("focusin", event => {
  const item = event.target.closest?.("[data-item]");
  if (item && item !== chosen() && !pointing) choose(item, false);
});

function freshId() {
  return [...crypto.getRandomValues(new Uint8Array(16))]
    .map(byte => byte.toString(16).padStart(2, "0")).join("");
}

// A verdict was stored: the item stays where it is, dimmed, and the next is chosen.
function given(form, value) {
  const id = form.elements.verdict_id.value;
  form.elements.verdict_id.value = freshId();
  const judged = form.closest("[data-item]");
  const whole = judged ? [judged] : items();
  for (const item of form.dataset.verdict === "all" || judged ? whole : []) {
    item.classList.add("given");
    item.dataset.given = id;
    const told = item.querySelector(".told");
    if (told) { told.className = `told pill ${value}`; told.textContent = value.replaceAll("_", " "); }
  }
  if (judged) moveOn(judged);
}

function takenBack(form) {
  const id = decodeURIComponent(new URL(form.action).pathname.split("/").at(-2));
  const back = items().filter(item => item.dataset.given === id);
  for (const item of back) {
    item.classList.remove("given");
    delete item.dataset.given;
    const told = item.querySelector(".told");
    if (told) told.textContent = "";
  }
  choose(back[0]);
}

document.addEventListener("htmx:afterRequest", event => {
  const { elt, parameters } = event.detail.requestConfig;
  if (event.detail.successful && elt.matches("form[data-verdict]")) given(elt, parameters.value);
  if (event.detail.successful && elt.matches("form[data-undo]")) takenBack(elt);
});
document.addEventListener("htmx:sendError", event => {
  if (!isQuiet(event)) say("The desk cannot be reached: try again.", "bad");
});

// What asks by itself does so while somebody looks at the page, and troubles nobody if it fails. It
// ends some time after the last key or move, so that a desk that was left does not stay logged in.
const ATTENTION = 60 * 60 * 1000;
let touched = Date.now();
const isQuiet = event => event.detail.elt.matches("[data-quiet]");

for (const sign of ["keydown", "pointerdown", "pointermove", "wheel"]) {
  document.addEventListener(sign, () => {
    const was = touched;
    touched = Date.now();
    if (touched - was > ATTENTION) lookAgain();
  }, { passive: true });
}

function lookAgain() {
  document.querySelectorAll("[data-quiet]").forEach(one => htmx.trigger(one, "look"));
}

document.addEventListener("htmx:beforeRequest", event => {
  const away = document.hidden || Date.now() - touched > ATTENTION;
  if (isQuiet(event) && away) event.preventDefault();
});
document.addEventListener("htmx:beforeOnLoad", event => {
  if (isQuiet(event) && event.detail.xhr.status >= 400) event.preventDefault();
});
document.addEventListener("visibilitychange", () => { if (!document.hidden) lookAgain(); });

// Where somebody was, so that the way back leads there: in which queue (`place`), and on which page
// before the first of the alerts that they went through (`from`).
const here = () => location.pathname + location.search;

function kept(name) {
  try { return JSON.parse(sessionStorage.getItem(name)) ?? {}; } catch { return {}; }
}

function keepPlace() {
  if (document.querySelector("[data-alert]")) return;
  const item = chosen(), title = document.title.replace(/ · Whetstone$/, "");
  const now = JSON.stringify({ address: here(), title, id: item?.id, at: items().indexOf(item) });
  sessionStorage.setItem("from", now);
  if (document.getElementById("queue")) sessionStorage.setItem("place", now);
}

function chooseFirst() {
  const was = [kept("from"), kept("place")].find(one => one.address === here());
  const same = was?.id && document.getElementById(was.id);
  // In a queue what was judged is gone, and what stood behind it has its place.
  const next = was && document.getElementById("queue") ? Math.max(was.at, 0) : 0;
  choose(same || items()[Math.min(next, items().length - 1)], Boolean(was));
}

function showWayBack() {
  const { address } = kept("place"), from = kept("from");
  if (address && !document.getElementById("queue")) {
    document.querySelectorAll(".trail a[href='/']").forEach(link => { link.href = address; });
  }
  const trail = document.querySelector(".trail[data-alert]");
  if (!trail || !from.address) return;
  let link = [...trail.querySelectorAll("a")].find(one => one.getAttribute("href") === from.address);
  if (!link) {
    link = document.createElement("a");
    link.href = from.address;
    link.textContent = `← ${from.title}`;
    trail.prepend(link);
  }
  delete trail.querySelector("[data-key=q]").dataset.key;
  link.dataset.key = "q";
}

// What is shown only where this script runs; then an item is chosen.
function ready() {
  document.documentElement.classList.add("scripted");
  document.querySelectorAll("[data-shows], [data-scripted]").forEach(one => { one.hidden = false; });
  if (!chosen()) chooseFirst();
}

document.addEventListener("htmx:configRequest", event => {
  const { verb, parameters } = event.detail;
  if (verb !== "get") return;
  for (const name of Object.keys(parameters)) if (parameters[name] === "") delete parameters[name];
});
document.addEventListener("htmx:afterSettle", () => { ready(); clearOldToasts(); });
document.addEventListener("DOMContentLoaded", () => {
  const narrow = matchMedia("(max-width: 700px)").matches;
  if (narrow) document.querySelectorAll("details[data-folds]").forEach(one => { one.open = false; });
  ready();
  showWayBack();
});
window.addEventListener("pagehide", keepPlace);
