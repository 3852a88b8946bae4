// What the search box does in each view, and the way to it from a view without one, or before it is there. It comes when
// the server has answered; what is typed until then is typed into it.

import { visit } from "../history/history.js";

const SEARCHED = ["q", "image", "photo", "region"]; // parameters of addresses that say what is searched for

/** @type {Record<string, string>} */
let effects = {};
/** @type {HTMLInputElement | null} */
let box = null;
let isAwaited = false, typed = "", awaitedAt = "";

// To be called with what a search does in each view, by its path: "narrows" it, "leads" to the results, or "none".
/** @param {Record<string, string>} given */
export function searchDoes(given) { effects = given; }

const effectHere = () => effects[location.pathname] ?? "none";

// The address of a view that keeps what is searched for here. A view without a box does nothing with it, but leads on
// with it. An opened photo is about something else.
/** @param {string} path */
export function addressKeepingSearch(path) {
  const isKept = [effectHere(), effects[path] ?? "leads"].every((effect) => effect !== "leads");
  return isKept ? withSearch(path) : path;
}

// The address of a view with what is searched for here.
/** @param {string} path */
function withSearch(path) {
  const given = new URLSearchParams(location.search), parameters = new URLSearchParams();
  for (const name of SEARCHED) {
    const value = given.get(name);
    if (value) parameters.set(name, value);
  }
  const query = parameters.toString();
  return query ? `${path}?${query}` : path;
}

// The address of a search by an image with this id: it narrows this view if a search does so, and leads to the results if not.
/** @param {string} id */
export function addressOfImage(id) {
  const isNarrowed = effectHere() === "narrows", parameters = new URLSearchParams();
  const line = box?.isConnected ? box.value : new URLSearchParams(location.search).get("q");
  if (isNarrowed && line) parameters.set("q", line);
  parameters.set("image", id);
  return `${isNarrowed ? location.pathname : "/"}?${parameters}`;
}

// Lets the box have the focus as soon as it is there. A view without one is left for the search that it is about, if it
// is about one.
export function goToSearchBox() {
  if (effectHere() === "none") visit(withSearch("/"));
  awaitedAt = location.pathname;
  isAwaited = true;
  typed = "";
  addEventListener("keydown", onKey, { capture: true });
  addEventListener("popstate", onPop);
  addEventListener("pointerdown", giveUp, { capture: true });
}

// To be called with the box when it is there.
/** @param {HTMLInputElement} field */
export function searchBoxHasCome(field) {
  box = field;
  if (!isAwaited) return;
  const text = typed;
  giveUp();
  field.focus();
  field.select();
  if (text) typeInto(field, text);
}

// As if this was typed: Streamlit takes the value from the event.
/** @param {HTMLInputElement} field @param {string} text */
export function typeInto(field, text) {
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")?.set?.call(field, text);
  field.dispatchEvent(new InputEvent("input", { bubbles: true, data: null, inputType: "insertReplacementText" }));
}

function giveUp() {
  isAwaited = false;
  removeEventListener("keydown", onKey, { capture: true });
  removeEventListener("popstate", onPop);
  removeEventListener("pointerdown", giveUp, { capture: true });
}

function onPop() { if (location.pathname !== awaitedAt) giveUp(); }

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "Backspace") typed = typed.slice(0, -1);
  else if (event.key.length === 1) typed += event.key;
  else return;
  event.preventDefault();
  event.stopImmediatePropagation();
}
