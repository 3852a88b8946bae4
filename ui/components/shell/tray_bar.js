// What can be done with the selected photos, in every view: the bar below the page, a dialog for questions, and the
// sentences about what was done, with a button that undoes it.

import { isPlainClick, visit } from "../history/history.js";
import { NO_SERVER, ask } from "../shared/ask.js";
import { countOf, element, find, focusIn, icon, innermost, listen } from "../shared/dom.js";
import { isTyping } from "../shared/page.js";
import { Menu } from "./menu.js";
import { ASKED_CHANGES, ASKED_FORM, CHANGED, MOST_COPIED, TOLD, tray } from "../shared/tray.js";

/** @import { FeatureAction, Response, Told } from "../types.d.ts" */

const FEWEST_COMPARED = 2, MOST_COMPARED = 6; // as in compare.js, which is loaded when it is needed
const SELECTING = "imgsearch-selecting"; // class of the document while the bar is there
const TOO_MANY = `Above 1 GB or ${MOST_COPIED} photos, create a folder of links instead.`; // as ui/zip_copies.py
const SHEETS = [["pdf", "PDF", "20 photos a page"], ["jpeg", "JPEG", "one picture, up to 200 photos"]];
const NARROW = matchMedia("(max-width: 767px)"), ON_NARROW = ["close", "favorite", "visibility_off", "share"]; // the others are behind a button
const MINOR = ["folder_zip", "grid_on", "list", "data_object", "folder_special"]; // only icons where there is little room
const TOLD_MS = 8000;
const PICKED = "/?q=is%3Apicked";

export class TrayBar {
  shown = "";
  timer = 0;

  // `askForm` is called with the name of a form of Python: see ui/tray.py.
  /** @param {HTMLElement} box @param {(name: string) => void} askForm */
  constructor(box, askForm) {
    this.askForm = askForm;
    this.bar = element("div", "selection-bar");
    Object.assign(this.bar, { role: "region", ariaLabel: "Selected photos", hidden: true });
    this.status = element("div", "selection-status");
    this.status.role = "status";
    this.told = element("div", "told");
    this.told.role = "status";
    this.dialog = element("dialog", "question");
    this.dialog.setAttribute("aria-labelledby", "question");
    this.dialog.onclose = () => this.dialog.replaceChildren();
    this.dialog.onclick = (event) => { if (event.target === this.dialog) this.dialog.close(); }; // beside it
    this.menu = new Menu("Further actions", "more_horiz");
    this.menu.list.classList.add("selection-list");
    tray.dialog = this.dialog;
    box.append(this.bar, this.menu.list, this.status, this.told, this.dialog);
    this.stops = [
      listen(tray, CHANGED, () => this.show()),
      listen(tray, TOLD, ({ detail }) => this.tell(detail)),
      listen(tray, ASKED_FORM, ({ detail }) => this.form(detail)),
      listen(tray, ASKED_CHANGES, () => this.showChanges()),
      listen(window, "popstate", () => this.show()),
      listen(NARROW, "change", () => this.show()),
      listen(document, "keydown", (event) => this.onKey(event)),
      listen(document, "pointerdown", (event) => { if (!event.composedPath().includes(this.status)) this.status.replaceChildren(); }),
    ];
    this.show();
  }

  close() {
    for (const stop of this.stops) stop();
    clearTimeout(this.timer);
    this.menu.close();
    document.documentElement.classList.remove(SELECTING);
  }

  // ---------------------------------------------------------------- the bar

  show() {
    const number = tray.size, more = tray.features.flatMap(({ forSelection }) => forSelection?.() ?? []);
    const isShown = number > 0, wasShown = document.documentElement.classList.contains(SELECTING);
    document.documentElement.classList.toggle(SELECTING, isShown);
    this.bar.hidden = !isShown;
    if (isShown !== wasShown) dispatchEvent(new Event("resize")); // whatever fills the window has another height
    const shown = `${NARROW.matches} ${number} ${tray.missing} ${more.map(({ label }) => label)} ${[...(tray.parts ?? [])]}`;
    if (this.shown === shown) return;
    this.shown = shown;
    if (!number) { this.menu.close(); this.bar.replaceChildren(); this.status.replaceChildren(); return; }
    const active = focusIn(this.bar), focused = active instanceof HTMLElement ? active.dataset.action : "";
    const count = element("a", "count", `${countOf(number)} selected`);
    count.href = PICKED;
    count.title = "Show them";
    if (tray.missing) count.append(` (${tray.missing.toLocaleString("en")} more without a file)`);
    count.onclick = (event) => { if (isPlainClick(event)) { event.preventDefault(); visit(PICKED); } };
    const ids = () => [...tray.ids], photos = () => ids().map((id) => ({ id }));
    const isFew = number <= MOST_COPIED;
    const has = (/** @type {string} */ part) => tray.has(part);
    /** @typedef {[sign: string, label: string, act: () => void, isThere: boolean, refusal?: string]} Listed */
    const /** @type {(action: FeatureAction) => Listed} */ ofFeature = ({ icon, label, act }) => [icon, label, act, true];
    const /** @type {Listed[]} */ actions = [
      ["close", "Clear", () => tray.clear(), true],
      ["compare", "Compare", () => this.compare(), true, this.canCompare ? "" : `Select ${FEWEST_COMPARED} to ${MOST_COMPARED} photos to compare them.`],
      ["favorite", "Favourite", () => tray.mark(photos(), { favourite: true }), has("marks")],
      ["visibility_off", "Hide", () => tray.mark(photos(), { hidden: true }), has("marks")],
      ["share", "Share", () => this.share(ids()), has("files")],
      ["folder_zip", "Zip of copies", () => this.copy(ids()), has("files"), isFew ? "" : TOO_MANY],
      ["grid_on", "Contact sheet", () => this.askSheet(), true],
      ["list", "Paths", () => this.export("paths", "photos.txt"), true],
      ["data_object", "JSON", () => this.export("json", "photos.json"), true],
      ["folder_special", "Folder of links", () => this.form("links"), has("files")],
      ...more.filter(({ isMinor }) => isMinor).map(ofFeature),
    ];
    for (const each of more.filter(({ isMinor }) => !isMinor).toReversed()) {
      const behind = Math.max(actions.findIndex(([sign]) => sign === each.after), 0); // never before "Clear"
      actions.splice(behind + 1, 0, ofFeature(each));
    }
    const minor = [...MINOR, ...more.filter(({ isMinor }) => isMinor).map(({ icon }) => icon)];
    const [clear, ...further] = actions.filter(([, , , isThere]) => isThere)
      .map(([sign, label, act, , refusal]) => button(sign, label, act, minor.includes(sign), refusal));
    const nodes = [clear, count, ...further];
    const first = [...ON_NARROW, ...more.filter((each) => each.isFirst).map((each) => each.icon)];
    const isFirst = (/** @type {HTMLElement} */ node) => !NARROW.matches || node === count || first.includes(node.dataset.action ?? "");
    const others = nodes.filter((node) => !isFirst(node));
    this.menu.list.replaceChildren(...others);
    this.bar.replaceChildren(...nodes.filter(isFirst), ...(others.length ? [this.menu.button] : []));
    if (!has("tray")) count.replaceWith(element("strong", "count", count.textContent));
    if (focused) find(this.bar, `[data-action="${focused}"]`)?.focus();
  }

  get canCompare() { return tray.size >= FEWEST_COMPARED && tray.size <= MOST_COMPARED; }

  async compare() {
    const ids = [...tray.ids], { Comparison } = await import("./compare.js");
    const box = this.bar.parentElement;
    if (box && !this.isAsking) new Comparison(box, ids);
  }

  /** @param {string[]} ids */
  async share(ids) {
    const { askShare } = await import("./share.js");
    if (!this.isAsking) askShare(ids);
  }

  // Whether a dialog is open, or the bar has gone with the page.
  get isAsking() { return !this.bar.isConnected || Boolean(this.bar.parentElement?.querySelector("dialog[open]")); }

  async showChanges() {
    const { showChanges } = await import("./changes.js");
    if (!this.isAsking) showChanges(this.dialog);
  }

  // The forms of Python take the photos from the library.
  /** @param {string} name */
  async form(name) {
    await tray.settled();
    this.askForm(name);
  }

  // Asks for the kind of a contact sheet, and downloads it. What is wrong is said in the dialog.
  askSheet() {
    const heading = element("h2", "", `Contact sheet of ${countOf(tray.size)}`), problem = element("p", "problem"), choices = element("div", "choice-list");
    heading.id = "question";
    problem.role = "alert";
    for (const [kind, title, about] of SHEETS) {
      const choice = element("button", "choice");
      choice.type = "button";
      choice.append(element("span", "name", title), element("span", "period", about));
      choice.onclick = async () => {
        choice.disabled = true;
        problem.textContent = "";
        const refusal = await this.download(kind, `contact-sheet.${kind === "pdf" ? "pdf" : "jpg"}`);
        choice.disabled = false;
        if (refusal) problem.textContent = refusal; else this.dialog.close();
      };
      choices.append(choice);
    }
    const close = element("button", "close", "Cancel");
    close.type = "button";
    close.onclick = () => this.dialog.close();
    this.dialog.replaceChildren(heading, choices, problem, close);
    if (!this.dialog.open) this.dialog.showModal();
  }

  /** @param {string} kind @param {string} name */
  async export(kind, name) {
    const refusal = await this.download(kind, name);
    if (refusal) this.say(refusal, true);
  }

  // Returns why it is not possible, else nothing.
  /** @param {string} kind @param {string} name */
  async download(kind, name) {
    const answer = await fetch(`/exports/${kind}`, { method: "PUT", body: JSON.stringify({ ids: [...tray.ids] }) }).catch(() => null);
    if (!answer?.ok) return answer ? answer.text() : NO_SERVER;
    const address = URL.createObjectURL(await answer.blob());
    download(address, name);
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
    return "";
  }

  // It asks first which photos can be copied, and says which cannot: an empty or short file would pass for a copy of all.
  /** @param {string[]} ids */
  async copy(ids) {
    const list = ids.join(",");
    /** @type {Response<{ photos: number, problem: string }> | null} */
    const answer = await ask(`/copies/check?ids=${list}`);
    if (list !== [...tray.ids].join(",")) return; // others were selected meanwhile
    if (!answer?.ok) { this.say(answer ? answer.content : NO_SERVER, true); return; }
    const { photos, problem } = answer.content;
    this.say(problem || `Copies of ${countOf(photos)}: photos.zip`, Boolean(problem));
    if (photos) download(`/copies/photos.zip?ids=${list}`, "photos.zip");
  }

  /** @param {string} text @param {boolean} isProblem */
  say(text, isProblem) {
    this.status.classList.toggle("problem", isProblem);
    this.status.textContent = text;
  }

  // ---------------------------------------------------------------- what was done

  // Without a text, what was told last goes away; what `stays` does so only then.
  /** @param {Told} told */
  tell({ text, change, takesBack, hasChanges = false, isProblem = false, stays = false }) {
    clearTimeout(this.timer);
    this.told.replaceChildren(...(text ? [element("span", "", text)] : []));
    this.told.classList.toggle("problem", isProblem);
    const end = () => { clearTimeout(this.timer); this.told.replaceChildren(); };
    const done = change ?? takesBack;
    if (done !== undefined) {
      const undo = element("button", "", "Undo");
      undo.type = "button";
      undo.onclick = () => { end(); tray.undo(done); };
      this.told.append(undo);
    }
    if (hasChanges && tray.has("changes")) {
      const all = element("button", "", "All changes");
      all.type = "button";
      all.onclick = () => { end(); this.showChanges(); };
      this.told.append(all);
    }
    // It waits for whoever is about to press the button.
    const wait = () => { this.timer = setTimeout(() => { if (this.told.matches(":hover, :focus-within")) wait(); else end(); }, TOLD_MS); };
    if (!stays) wait();
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey && !event.defaultPrevented;
    const isElsewhere = isTyping(event) || innermost(event)?.closest("dialog") || document.querySelector(".full-view");
    if (event.key === "c" && isPlain && !isElsewhere && this.canCompare) { event.preventDefault(); this.compare(); return; }
    if (event.key !== "z" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey || event.defaultPrevented || isTyping(event)) return;
    event.preventDefault();
    tray.undo();
  }
}

/** @param {string} name @param {string} label @param {() => void} act @param {boolean} isMinor @param {string} [refusal] */
function button(name, label, act, isMinor, refusal = "") {
  const node = element("button");
  node.append(icon(name), element("span", "", label));
  Object.assign(node, { type: "button", onclick: act, disabled: Boolean(refusal), title: refusal });
  node.dataset.action = name;
  if (isMinor) { node.classList.add("minor"); node.title ||= label; }
  return node;
}

/** @param {string} address @param {string} name */
function download(address, name) {
  const link = element("a");
  link.href = address;
  link.download = name;
  link.click();
}
