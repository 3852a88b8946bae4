// What can be done with the selected photos, in every view: the bar below the page, a dialog for questions, and the
// sentences about what was done, with a button that undoes it.

import { isPlainClick, visit } from "../history/history.js";
import { NO_SERVER, ask } from "../shared/ask.js";
import { countOf, element, icon } from "../shared/dom.js";
import { isTyping } from "../shared/page.js";
import { Menu } from "./menu.js";
import { ASKED_CHANGES, ASKED_CORRECTION, CHANGED, TOLD, tray } from "../shared/tray.js";

const FEWEST_COMPARED = 2, MOST_COMPARED = 6; // as in compare.js, which is loaded when it is needed
const SELECTING = "imgsearch-selecting"; // class of the document while the bar is there
const MOST_COPIED = 500, TOO_MANY = "Above 1 GB or 500 photos, create a folder of links instead."; // as ui/zip_copies.py
const SHEETS = [["pdf", "PDF", "20 photos a page"], ["jpeg", "JPEG", "one picture, up to 200 photos"]];
const NARROW = matchMedia("(max-width: 767px)"), ON_NARROW = ["close", "favorite", "visibility_off"]; // the others are behind a button
const MINOR = ["folder_zip", "grid_on", "list", "data_object", "folder_special", "school"]; // only icons where there is little room
const TOLD_MS = 8000;
const PICKED = "/?q=is%3Apicked";

export class TrayBar {
  // `askForm` is called with the name of a form of Python: "teach" or "links".
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
    this.listeners = [
      [tray, CHANGED, () => this.show()],
      [tray, TOLD, ({ detail }) => this.tell(detail)],
      [tray, ASKED_CORRECTION, ({ detail }) => this.correct(detail)],
      [tray, ASKED_CHANGES, () => this.showChanges()],
      [window, "popstate", () => this.show()],
      [NARROW, "change", () => this.show()],
      [document, "keydown", (event) => this.onKey(event)],
      [document, "pointerdown", (event) => { if (!event.composedPath().includes(this.status)) this.status.replaceChildren(); }],
    ];
    for (const [target, kind, act] of this.listeners) target.addEventListener(kind, act);
    this.show();
  }

  close() {
    for (const [target, kind, act] of this.listeners) target.removeEventListener(kind, act);
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
    const focused = this.bar.getRootNode().activeElement?.dataset.action;
    const count = element("a", "count", `${countOf(number)} selected`);
    count.href = PICKED;
    count.title = "Show them";
    if (tray.missing) count.append(` (${tray.missing.toLocaleString("en")} more without a file)`);
    count.onclick = (event) => { if (isPlainClick(event)) { event.preventDefault(); visit(PICKED); } };
    const ids = () => [...tray.ids], photos = () => ids().map((id) => ({ id }));
    const has = (part) => tray.has(part), isFew = number <= MOST_COPIED;
    const actions = [
      ["close", "Clear", () => tray.clear(), true],
      [null, count, null, true],
      ...more.map(({ icon, label, act }) => [icon, label, act, true]),
      ["compare", "Compare", () => this.compare(), true, this.canCompare ? "" : `Select ${FEWEST_COMPARED} to ${MOST_COMPARED} photos to compare them.`],
      ["favorite", "Favourite", () => tray.mark(photos(), { favourite: true }), has("marks")],
      ["visibility_off", "Hide", () => tray.mark(photos(), { hidden: true }), has("marks")],
      ["edit_calendar", "Date or place", () => this.correct(ids()), has("corrections")],
      ["folder_zip", "Zip of copies", () => this.copy(ids()), has("files"), isFew ? "" : TOO_MANY],
      ["grid_on", "Contact sheet", () => this.askSheet(), true],
      ["list", "Paths", () => this.export("paths", "photos.txt"), true],
      ["data_object", "JSON", () => this.export("json", "photos.json"), true],
      ["folder_special", "Folder of links", () => this.form("links"), has("files")],
      ["school", "Teach from these", () => this.form("teach"), has("files")],
    ];
    const nodes = actions.filter(([, , , isThere]) => isThere).map(([icon, label, act, , refusal]) => (
      icon ? button(icon, label, act, refusal) : label));
    const first = [...ON_NARROW, ...more.filter((each) => each.isFirst).map((each) => each.icon)];
    const isFirst = (node) => !NARROW.matches || node === count || first.includes(node.dataset.action);
    const others = nodes.filter((node) => !isFirst(node));
    this.menu.list.replaceChildren(...others);
    this.bar.replaceChildren(...nodes.filter(isFirst), ...(others.length ? [this.menu.button] : []));
    if (!has("tray")) count.replaceWith(element("strong", "count", count.textContent));
    if (focused) this.bar.querySelector(`[data-action="${focused}"]`)?.focus();
  }

  get canCompare() { return tray.size >= FEWEST_COMPARED && tray.size <= MOST_COMPARED; }

  async compare() {
    const ids = [...tray.ids], { Comparison } = await import("./compare.js");
    if (this.bar.isConnected && !this.bar.parentElement.querySelector("dialog[open]")) new Comparison(this.bar.parentElement, ids);
  }

  async correct(ids) {
    const { Correction } = await import("./correct.js");
    if (this.bar.isConnected && !this.bar.parentElement.querySelector("dialog[open]")) new Correction(this.dialog, ids);
  }

  async showChanges() {
    const { Changes } = await import("./changes.js");
    if (this.bar.isConnected && !this.bar.parentElement.querySelector("dialog[open]")) new Changes(this.dialog);
  }

  // The forms of Python take the photos from the library.
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

  async export(kind, name) {
    const refusal = await this.download(kind, name);
    if (refusal) this.say(refusal, true);
  }

  // Returns why it is not possible, else nothing.
  async download(kind, name) {
    const answer = await fetch(`/exports/${kind}`, { method: "PUT", body: JSON.stringify({ ids: [...tray.ids] }) }).catch(() => null);
    if (!answer?.ok) return answer ? answer.text() : NO_SERVER;
    const address = URL.createObjectURL(await answer.blob());
    download(address, name);
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
    return "";
  }

  // It asks first which photos can be copied, and says which cannot: an empty or short file would pass for a copy of all.
  async copy(ids) {
    const list = ids.join(",");
    const answer = await ask(`/copies/check?ids=${list}`);
    if (list !== [...tray.ids].join(",")) return; // others were selected meanwhile
    if (!answer?.ok) { this.say(answer ? answer.content : NO_SERVER, true); return; }
    const { photos, problem } = answer.content;
    this.say(problem || `Copies of ${countOf(photos)}: photos.zip`, Boolean(problem));
    if (photos) download(`/copies/photos.zip?ids=${list}`, "photos.zip");
  }

  say(text, isProblem) {
    this.status.classList.toggle("problem", isProblem);
    this.status.textContent = text;
  }

  // ---------------------------------------------------------------- what was done

  // Without a text, what was told last goes away; what `stays` does so only then.
  tell({ text, change, hasChanges = false, isProblem = false, stays = false }) {
    clearTimeout(this.timer);
    this.told.replaceChildren(...(text ? [element("span", "", text)] : []));
    this.told.classList.toggle("problem", isProblem);
    const end = () => { clearTimeout(this.timer); this.told.replaceChildren(); };
    if (change !== undefined && change !== null) {
      const undo = element("button", "", "Undo");
      undo.type = "button";
      undo.onclick = () => { end(); tray.undo(change); };
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

  onKey(event) {
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey && !event.defaultPrevented;
    const isElsewhere = isTyping(event) || event.composedPath()[0].closest?.("dialog") || document.querySelector(".full-view");
    if (event.key === "c" && isPlain && !isElsewhere && this.canCompare) { event.preventDefault(); this.compare(); return; }
    if (event.key !== "z" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey || event.defaultPrevented || isTyping(event)) return;
    event.preventDefault();
    tray.undo();
  }
}

function button(name, label, act, refusal = "") {
  const node = element("button");
  node.append(icon(name), element("span", "", label));
  Object.assign(node, { type: "button", onclick: act, disabled: Boolean(refusal), title: refusal });
  node.dataset.action = name;
  if (MINOR.includes(name)) { node.classList.add("minor"); node.title ||= label; }
  return node;
}

function download(address, name) {
  const link = element("a");
  link.href = address;
  link.download = name;
  link.click();
}
