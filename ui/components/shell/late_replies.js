// The address is what the visitor has asked for last. The reply of another view may arrive after that, and Streamlit would
// write it into the address: as another entry of the history, which leads to a view that nobody has opened, or the
// parameters of that view after the path of this one, which are sent to Python with the next event.

import { announce } from "../history/history.js";
import { isScriptRunning } from "../shared/page.js";

const WRITER = "shown-at"; // as in ui/addresses.py
const ASKS_AGAIN_AFTER_MS = 1500, MOST_REQUESTS = 5; // each waits twice as long as the one before: there may be no such view

for (const name of /** @type {const} */ (["pushState", "replaceState"])) {
  const change = history[name].bind(history);
  history[name] = (state, unused, address) => {
    const url = new URL(address ?? "", location.href), writer = url.searchParams.get(WRITER);
    if (writer === null) { // ours, or the path of a view that Streamlit shows
      if (url.pathname === location.pathname || state?.cameFrom !== undefined) change(state, unused, address);
      watch();
    } else if (writer === location.pathname) {
      url.searchParams.delete(WRITER);
      // Streamlit keeps the parameter, and may put it after the path of another view.
      if (url.pathname === writer && url.search !== location.search) change(state, unused, url.pathname + url.search);
    } else setTimeout(announce); // else Streamlit would take these parameters for those of the address
  };
}

// Whether the view that is shown is that of the address. It may stay another one: an event of an element that was sent
// after the visitor had asked for a view runs the script for the former one, and of several requests some may be lost. So
// Streamlit is asked again for the view of the address, until it is shown.
let /** @type {string | null} */ shownPath = null, timer = 0, requests = 0, askedFor = "";

// To be called with the path of the view that each run of the script shows.
/** @param {string} path */
export function viewIsShown(path) {
  shownPath = path;
  watch();
}

addEventListener("popstate", watch);

function watch() {
  if (askedFor !== location.href) { askedFor = location.href; requests = 0; }
  clearTimeout(timer);
  if (shownPath === null || shownPath === location.pathname) { requests = 0; return; }
  if (requests < MOST_REQUESTS) timer = setTimeout(askAgain, ASKS_AGAIN_AFTER_MS * 2 ** requests);
}

function askAgain() {
  if (isScriptRunning()) { watch(); return; } // it may be on its way
  requests += 1;
  announce(); // which calls `watch`
}
