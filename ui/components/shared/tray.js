// The photos that are selected in all views, and what is known of marks. One for the tab: every grid, the viewer and the
// bar of the shell share it. It is kept by the library; of an archive, which keeps none, by this tab.
//
// A change shows at once and is sent afterwards, one request at a time. What could not be sent yet survives a reload and
// a restart of the server.

import { NO_SERVER, askOperation, readOperation } from "./ask.js";
import { countOf } from "./dom.js";

/** @import { Change, PostOperations } from "../operations.d.ts" */
/** @import { CustomTarget, FeatureModule, MarkedPhoto, Marks, MarksChange, Response, TakesBack, TrayEvents } from "../types.d.ts" */
/** @typedef {Response<Change> | null} Changed the answer to a change */
/** @typedef {{ [Path in keyof PostOperations]: PostOperations[Path]["answer"] extends Change ? Path : never }[keyof PostOperations]} ChangePath */

const PENDING = "imgsearch.pending"; // in the storage of the tab
const RETRY_MS = 1000, MOST_UNDONE = 200;
/** @type {Marks} */
const NO_MARKS = { favourite: false, rating: null, hidden: false, of_file: null };
export const MOST_COPIED = 500; // photos of a zip file, as ui/zip_copies.py
export const CHANGED = "changed"; // the photos that are selected
export const MARKED = "marked"; // marks of photos; `detail` has their ids
export const TOLD = "told"; // a sentence for the visitor: `detail` has it, and the change that can be undone
export const MADE_CHANGE = "made-change"; // the library was changed, by this tab or another one
export const OTHER_PHOTOS = "other-photos"; // lists of photos may be others
export const ASKED_CHANGES = "asked-changes"; // for the list of all that was changed
export const ASKED_FORM = "asked-form"; // of Python, for the selected photos or the search; `detail` is its name: see ui/tray.py

class Tray extends EventTarget {
  constructor() {
    super();
    /** @type {Set<string>} */
    this.ids = new Set(); // texts: ids of archives have 63 bits
    this.missing = 0; // photos that are selected, but have no file any more
    /** @type {Map<string, Partial<Marks>>} */
    this.marks = new Map(); // that were changed in this tab, by id
    /** @type {Map<string, boolean>} */
    this.pending = new Map(); // ids and whether they are selected, as the server does not know yet
    /** @type {(number | TakesBack)[]} */
    this.done = []; // of this tab, which can be undone: the ids of changes, and what takes other things back
    // Modules of features: see FeatureModule in types.d.ts.
    /** @type {FeatureModule[]} */
    this.features = [];
    /** @type {HTMLDialogElement | null} */
    this.dialog = null; // of the shell, in which an action may ask something
    /** @type {Set<string> | null} */
    this.parts = null; // what the library has, once the shell has said it: see ui/tray.py
    this.isReady = () => {};
    /** @type {Promise<void>} */
    this.ready = new Promise((resolve) => { this.isReady = resolve; });
    this.isSending = false;
    /** @type {Promise<void>} */
    this.sent = Promise.resolve();
    /** @type {Promise<Changed | void>} */
    this.changed = Promise.resolve();
    this.loads = 0;
    this.channel = "BroadcastChannel" in window ? new BroadcastChannel("imgsearch-tray") : null;
    if (this.channel) this.channel.onmessage = ({ data }) => this.hear(data);
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.load(); });
  }

  // To be called by the shell, which knows the library.
  /** @param {Iterable<string>} parts @param {FeatureModule[]} features */
  begin(parts, features) {
    if (this.parts) return;
    this.features = features;
    this.parts = new Set(parts);
    this.isReady();
    if (!this.has("tray")) { this.pending.clear(); return; }
    try {
      /** @type {[string, boolean][]} */
      const kept = JSON.parse(sessionStorage.getItem(PENDING) ?? "[]");
      for (const [id, isSelected] of kept) if (!this.pending.has(id)) this.pending.set(id, isSelected);
    } catch { /* private mode */ }
    this.load();
    this.send();
  }

  // A tick or a key may be faster than the shell.
  /** @param {string} part */
  has(part) { return this.parts ? this.parts.has(part) : part === "tray" || part === "marks"; }

  get size() { return this.ids.size; }

  get actionsForLists() { return this.features.flatMap(({ forLists }) => forLists ?? []); }

  /** @param {string} id */
  isSelected(id) { return this.ids.has(id); }

  // ---------------------------------------------------------------- selecting

  /** @param {Iterable<string>} ids @param {boolean} isSelected */
  set(ids, isSelected) {
    for (const id of ids) {
      if (this.ids.has(id) === isSelected) continue;
      if (isSelected) this.ids.add(id); else this.ids.delete(id);
      if (this.has("tray")) this.pending.set(id, isSelected);
    }
    this.tell(CHANGED);
    this.keepPending();
    this.send();
  }

  async clear() {
    const ids = [...this.ids];
    if (!this.has("tray")) { this.set(ids, false); return; }
    await this.settled();
    this.ids.clear();
    this.tell(CHANGED);
    this.say(await this.change("tray/clear", {}), `${countOf(ids.length)} cleared`);
  }

  keepPending() {
    try { sessionStorage.setItem(PENDING, JSON.stringify([...this.pending])); } catch { /* too much, or private mode */ }
  }

  // Until nothing is left to send.
  async settled() { while (this.pending.size || this.isSending) { this.send(); await this.sent; } }

  send() {
    if (!this.isSending && this.pending.size) this.sent = this.sendAll();
    return this.sent;
  }

  async sendAll() {
    this.isSending = true;
    await this.ready;
    while (this.pending.size) {
      const batch = this.pending;
      this.pending = new Map();
      const isKept = await this.sendBatch(batch, true) && await this.sendBatch(batch, false);
      if (!isKept) {
        for (const [id, isSelected] of batch) if (!this.pending.has(id)) this.pending.set(id, isSelected);
        this.keepPending();
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
    this.keepPending();
    this.isSending = false;
  }

  // Whether the server has the photos of a batch that are selected, or that are not any more.
  /** @param {Map<string, boolean>} batch @param {boolean} isSelected */
  async sendBatch(batch, isSelected) {
    const ids = [...batch].filter(([, is]) => is === isSelected).map(([id]) => Number(id));
    if (!ids.length) return true;
    const answer = await askOperation(isSelected ? "tray/add" : "tray/take-out", { photo_ids: ids });
    if (!answer || answer.status === 403 || answer.status >= 500) return false;
    if (answer.ok) this.remember(answer.content);
    else { this.say(answer); this.load(); } // the library is locked or cannot be written: it is as it was
    return true;
  }

  // As the library has it, with what was changed since.
  async load() {
    if (!this.has("tray")) return;
    const number = (this.loads += 1);
    const answer = await readOperation("tray");
    if (!answer?.ok || number !== this.loads) return;
    if (this.isSending) { // it may be from before what is being sent
      await this.sent;
      if (number === this.loads) this.load();
      return;
    }
    const ids = new Set(answer.content.photo_ids.map(String));
    for (const [id, isSelected] of this.pending) if (isSelected) ids.add(id); else ids.delete(id);
    const { missing_ids: missingIds } = answer.content, wasMissing = this.missing;
    this.missing = missingIds.length;
    if (this.missing > wasMissing) this.tell(TOLD, { text: goneText(this.missing), isProblem: true });
    const isSame = this.missing === wasMissing && ids.size === this.ids.size && [...ids].every((id) => this.ids.has(id));
    this.ids = ids;
    if (!isSame) this.tell(CHANGED);
  }

  // ---------------------------------------------------------------- marks

  // What is known of the marks of a photo: as the server sent them, or as they were changed since.
  /** @param {MarkedPhoto} photo @returns {Partial<Marks>} */
  knownMarksOf(photo) { return { ...photo.marks, ...this.marks.get(photo.id) }; }

  // The marks of a photo; none where they are not known.
  /** @param {MarkedPhoto} photo @returns {Marks} */
  marksOf(photo) { return { ...NO_MARKS, ...this.knownMarksOf(photo) }; }

  // `change` has favourite, rating (null takes the own stars away) or hidden. What was shown before comes back where the
  // library refuses it.
  /** @param {MarkedPhoto[]} photos @param {MarksChange} change */
  async mark(photos, change) {
    const before = new Map(photos.map((photo) => [photo.id, this.knownMarksOf(photo)])), ids = photos.map(({ id }) => Number(id));
    for (const [id, marks] of before) this.marks.set(id, { ...marks, ...change });
    this.tell(MARKED, photos.map(({ id }) => id));
    const isTaken = change.rating === null;
    const answer = await this.change(isTaken ? "marks/forget-rating" : "marks", { photo_ids: ids, ...(isTaken ? {} : change) });
    if (!answer?.ok) {
      for (const [id, marks] of before) this.marks.set(id, marks);
      this.tell(MARKED, photos.map(({ id }) => id));
    }
    this.say(answer);
    if (!answer?.ok) return;
    const isOther = "hidden" in change;
    this.channel?.postMessage({ marks: photos.map(({ id }) => [id, this.marks.get(id)]), isOther });
    if (isOther) this.tell(OTHER_PHOTOS);
  }

  // Lists of photos may be others now, in all tabs.
  changedPhotos() {
    this.tellTabs();
    this.tell(OTHER_PHOTOS);
  }

  // Lists of photos may be others now, in the other tabs.
  tellTabs() { this.channel?.postMessage({ isOther: true }); }

  // What another tab has changed: the selection, or marks, and whether lists of photos may be others.
  /** @param {{ marks?: [string, Partial<Marks>][], isOther?: boolean }} message */
  hear({ marks = [], isOther = false }) {
    this.load();
    this.tell(MADE_CHANGE);
    for (const [id, changed] of marks) this.marks.set(id, changed);
    if (marks.length) this.tell(MARKED, marks.map(([id]) => id));
    if (isOther) this.tell(OTHER_PHOTOS);
  }

  // The key that was pressed as a change of marks, else null. The same stars again take them away.
  /** @param {string} key @param {MarkedPhoto | null | undefined} photo @returns {MarksChange | null} */
  changeOf(key, photo) {
    if (!this.has("marks") || !photo) return null;
    const { favourite, rating, hidden } = this.marksOf(photo);
    if (key === "f") return { favourite: !favourite };
    if (key === "h") return { hidden: !hidden };
    if (/^[0-5]$/.test(key)) return { rating: rating === Number(key) ? null : Number(key) };
    return null;
  }

  // ---------------------------------------------------------------- undo

  // Undo the last change of this tab, or this one. Returns the answer; null where no change of the library was undone.
  /** @param {number | TakesBack} [chosen] */
  async undo(chosen) {
    await this.settled();
    await this.changed;
    const id = chosen ?? this.done.at(-1);
    if (id === undefined) { this.tell(TOLD, { text: "There is nothing to undo here.", hasChanges: true }); return null; }
    if (typeof id === "function") {
      this.done = this.done.filter((each) => each !== id);
      await id();
      return null;
    }
    const answer = await askOperation("changes/undo", { change_id: id });
    this.done = this.done.filter((each) => each !== id);
    if (!answer?.ok) { this.say(answer); return answer; }
    this.tell(TOLD, { text: `Undone: ${answer.content.title}` });
    await this.followed();
    return answer;
  }

  // Do a change again that was undone. Returns the answer.
  /** @param {number} id */
  async redo(id) {
    await this.settled();
    await this.changed;
    const answer = await askOperation("changes/redo", { change_id: id });
    if (answer?.ok) await this.followed();
    return answer;
  }

  // Marks that were changed here are read again, and the photos that are selected.
  async followed() {
    const ids = [...this.marks.keys()];
    if (ids.length) {
      const answer = await askOperation("marks/of", { photo_ids: ids.map(Number) });
      if (answer?.ok) {
        for (const id of ids) {
          const { favourite = false, rating = null, hidden = false } = answer.content[id] ?? {};
          this.marks.set(id, { ...this.marks.get(id), favourite, rating, hidden });
        }
        this.tell(MARKED, ids);
      }
    }
    await this.load();
    this.channel?.postMessage({ marks: ids.map((id) => [id, this.marks.get(id)]), isOther: true });
    this.tell(OTHER_PHOTOS);
  }

  // One after the other: the last one of a photo counts.
  /** @template {ChangePath} Path @param {Path} path @param {PostOperations[Path]["request"]} body @returns {Promise<Changed>} */
  change(path, body) {
    const made = this.changed.then(async () => {
      await this.ready;
      const answer = await askOperation(path, body);
      if (answer?.ok) this.remember(answer.content);
      return answer;
    });
    this.changed = made;
    return made;
  }

  // A change that this tab has made: it can be undone, and other tabs hear of it.
  /** @param {Pick<Change, "id">} change */
  remember({ id }) {
    if (id === null) return;
    this.canTakeBack(id);
    this.channel?.postMessage({});
    this.tell(MADE_CHANGE);
  }

  // What this tab has done last, which Undo then takes back.
  /** @param {number | TakesBack} done */
  canTakeBack(done) {
    this.done.push(done);
    if (this.done.length > MOST_UNDONE) this.done.shift();
  }

  /** @param {Changed} answer @param {string} [text] */
  say(answer, text) {
    if (!answer?.ok) this.tell(TOLD, { text: answer ? answer.content : NO_SERVER, isProblem: true });
    else this.tell(TOLD, { text: text ?? answer.content.title, change: answer.content.id });
  }

  /** @template {keyof TrayEvents} Kind @param {Kind} kind @param {TrayEvents[Kind]} [detail] */
  tell(kind, detail) { this.dispatchEvent(new CustomEvent(kind, { detail })); }
}

/** @param {number} photos */
function goneText(photos) {
  const one = photos === 1;
  return `${countOf(photos)} of the selection ${one ? "has" : "have"} no file any more, and ${one ? "is" : "are"} left out until ${one ? "it comes" : "they come"} back.`;
}

/** @typedef {CustomTarget<TrayEvents> & Tray} SharedTray */
export const tray = /**  @type {SharedTray} */ (new Tray());

// The modules of features, by their paths among the components.
/** @param {string[]} paths @returns {Promise<object[]>} */
export async function modulesOf(paths) {
  const loaded = await Promise.allSettled(paths.map((path) => import(`../${path}`)));
  const found = loaded.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  if (found.length < paths.length) tray.tell(TOLD, { text: "A part of this page could not be loaded. Reload the page.", isProblem: true });
  return found;
}
