// Albums on the page: actions for the selected photos and for all photos of a list, and the question for an album.

import { NO_SERVER, readOperation } from "../shared/ask.js";
import { countOf, element } from "../shared/dom.js";
import { tray } from "../shared/tray.js";

/** @import { FeatureAction, FeatureModule } from "../types.d.ts" */

// For the selected photos, which the tray has: see shell/tray_bar.js.
/** @returns {FeatureAction[]} */
export function forSelection() {
  const ids = () => [...tray.ids], shown = albumOf(location);
  const out = { icon: "playlist_remove", label: `Take out of ${shown}`, act: () => takeOut(shown, ids()) };
  return [{ icon: "photo_album", label: "Add to album", act: () => askAlbum(ids()), isFirst: true }, ...(shown ? [out] : [])];
}

// For all photos of a list: `act` gets their ids.
/** @type {FeatureModule["forLists"]} */
export const forLists = [{ icon: "library_add", label: "Add all to an album", name: "album", act: askAlbum }];

/** @param {string[]} ids */
async function askAlbum(ids) {
  const { dialog } = tray;
  if (!dialog) return; // the shell has one from its first run on
  const heading = element("h2", "", `Add ${countOf(ids.length)} to an album`), list = element("div", "choice-list");
  heading.id = dialog.getAttribute("aria-labelledby") ?? "";
  const problem = element("p", "problem"), form = element("form"), field = element("input"), make = element("button", "", "Make");
  problem.role = "alert";
  Object.assign(field, { type: "text", maxLength: 100, required: true, placeholder: "Book", ariaLabel: "Name of a new album", autocomplete: "off" });
  form.append(field, make);
  const close = element("button", "close", "Cancel");
  close.type = "button";
  close.onclick = () => dialog.close();
  dialog.replaceChildren(heading, list, element("h3", "", "A new album"), form, problem, close);
  if (!dialog.open) dialog.showModal();
  const add = async (/** @type {string} */ name, /** @type {boolean} */ isNew) => {
    const answer = await addToAlbum(name, ids, isNew);
    if (answer?.ok) dialog.close(); else problem.textContent = answer ? answer.content : NO_SERVER;
  };
  form.onsubmit = (event) => { event.preventDefault(); add(field.value, true); };
  field.focus();
  const answer = await readOperation("albums");
  if (!answer?.ok) { problem.textContent = answer ? answer.content : NO_SERVER; return; }
  list.replaceChildren(...answer.content.map(({ name, photos }) => {
    const choice = element("button", "choice"), count = element("span", "period", countOf(photos));
    choice.type = "button";
    choice.append(element("span", "name", name), count);
    choice.onclick = () => add(name, false);
    return choice;
  }));
}

// Photos with these ids are put into an album, which is made if `isNew`.
/** @param {string} name @param {string[]} ids @param {boolean} isNew */
async function addToAlbum(name, ids, isNew) {
  await tray.settled();
  const answer = await tray.change(isNew ? "albums" : "albums/add", { name, photo_ids: ids.map(Number) });
  if (answer?.ok) { tray.say(answer); tray.changedPhotos(); } // else the question for the album says what is wrong
  return answer;
}

/** @param {string} name @param {string[]} ids */
async function takeOut(name, ids) {
  await tray.settled();
  const answer = await tray.change("albums/take-out", { name, photo_ids: ids.map(Number) });
  tray.say(answer);
  if (answer?.ok) tray.changedPhotos();
}

// The name of the album that an address shows, if it shows one and nothing else; else "".
/** @param {{ pathname: string, search: string }} address */
export function albumOf({ pathname, search }) {
  const query = pathname === "/" ? new URLSearchParams(search).get("q") ?? "" : "";
  const found = query.trim().match(/^album:(?:"((?:[^"\\]|\\.)+)"|([^\s"|]+))$/);
  return found?.[1]?.replace(/\\(.)/g, "$1") ?? found?.[2] ?? "";
}
