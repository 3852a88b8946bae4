// The view of all albums, and with them what marks and other features collect. An album can be made, renamed
// and deleted here; the line at the lower edge offers to undo that.

import { NO_SERVER } from "../shared/ask.js";
import { element, icon, textButton } from "../shared/dom.js";
import { mount } from "../shared/page.js";
import { OTHER_PHOTOS, tray } from "../shared/tray.js";
import { linkOf } from "../shelf/shelf.js";

/** @import { Entry } from "../shelf/shelf.js" */
/** @import { Changed } from "../shared/tray.js" */
/** @import { StreamlitComponent } from "../types.d.ts" */
/** @typedef {{ title: string, entries: Entry[] }} Section */
/** @typedef {{ sections: Section[] }} Data the first section has the albums, and what is marked */

class AlbumsView {
  shown = "";
  drawAnew = () => {};

  /** @param {HTMLElement} box */
  constructor(box) {
    this.box = box;
    this.reload = () => this.drawAnew();
    tray.addEventListener(OTHER_PHOTOS, this.reload); // by this view, by Undo, and by other tabs
  }

  close() { tray.removeEventListener(OTHER_PHOTOS, this.reload); }

  // What has the focus stays unless something has changed.
  /** @param {Data} data @param {StreamlitComponent<Data>} component */
  update({ sections }, { setTriggerValue }) {
    this.drawAnew = () => setTriggerValue("changed", true);
    const text = JSON.stringify(sections);
    if (text === this.shown) return;
    this.shown = text;
    const [first, ...others] = sections.filter(({ entries }, index) => !index || entries.length).map(sectionOf);
    const head = first?.querySelector(".head");
    head?.append(textButton("New album", askNew, "add", "new"));
    if (!sections[0]?.entries.some(isAlbum)) head?.after(element("p", "note", "There is no album yet. Select photos in any view and add them to an album, or make one here."));
    this.box.replaceChildren(...[first, ...others].flatMap((section) => section ?? []));
  }
}

/** @param {Entry} entry */
const isAlbum = ({ kind }) => kind === "album";

/** @param {Section} section */
function sectionOf({ title, entries }) {
  const section = element("section"), head = element("div", "head"), list = element("ul", "covers");
  head.append(element("h2", "", title));
  list.append(...entries.map((entry) => {
    const tile = element("li");
    tile.append(linkOf(entry), ...(isAlbum(entry) ? [editButton(entry)] : []));
    return tile;
  }));
  section.append(head, list);
  return section;
}

/** @param {Entry} album */
function editButton(album) {
  const button = element("button", "edit");
  Object.assign(button, { type: "button", title: "Rename or delete", ariaLabel: `Rename or delete ${album.name}`, onclick: () => askChange(album) });
  button.append(icon("edit"));
  return button;
}

function askNew() {
  ask("New album", "", "Make", (name) => tray.change("albums", { name }));
}

/** @param {Entry} album */
function askChange({ name }) {
  const dialog = ask("Change the album", name, "Rename", (newName) => tray.change("albums/rename", { name, new_name: newName }));
  const remove = textButton("Delete the album", () => done(tray.change("albums/remove", { name })), "delete");
  dialog?.querySelector(".close")?.before(remove, element("p", "note", "No photo is touched."));
}

// Opens the dialog of the shell with a field for the name of an album.
/** @param {string} title @param {string} name @param {string} action @param {(name: string) => Promise<Changed>} act */
function ask(title, name, action, act) {
  const { dialog } = tray;
  if (!dialog) return null; // the shell has one from its first run on
  const heading = element("h2", "", title), form = element("form"), field = element("input"), close = element("button", "close", "Cancel");
  heading.id = dialog.getAttribute("aria-labelledby") ?? "";
  const problem = element("p", "problem");
  problem.role = "alert";
  Object.assign(field, { type: "text", maxLength: 100, required: true, value: name, ariaLabel: "Name of the album", autocomplete: "off" });
  form.append(field, element("button", "", action));
  form.onsubmit = (event) => { event.preventDefault(); done(act(field.value)); };
  Object.assign(close, { type: "button", onclick: () => dialog.close() });
  dialog.replaceChildren(heading, form, problem, close);
  dialog.showModal();
  field.select();
  return dialog;
}

// Closes the dialog when the library has made the change, else says in it what is wrong.
/** @param {Promise<Changed>} change */
async function done(change) {
  const answer = await change, { dialog } = tray, problem = dialog?.querySelector(".problem");
  if (!answer?.ok) { if (problem) problem.textContent = answer ? answer.content : NO_SERVER; return; }
  dialog?.close();
  tray.say(answer);
  tray.changedPhotos();
}

export default mount(AlbumsView);
