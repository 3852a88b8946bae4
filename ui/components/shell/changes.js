// The last changes of the library, by whomever and from wherever: each can be undone, and done again, by its name.

import { NO_SERVER, readOperation } from "../shared/ask.js";
import { element, find, momentName } from "../shared/dom.js";
import { tray } from "../shared/tray.js";

/** @import { Change } from "../operations.d.ts" */

const SHOWN = 50; // at first, and with each "Older"

export class Changes {
  /** @type {Change[]} */ changes = [];

  // `dialog` is filled and shown.
  /** @param {HTMLDialogElement} dialog */
  constructor(dialog) {
    this.dialog = dialog;
    this.most = SHOWN;
    const heading = element("h2", "", "Changes"), close = element("button", "", "Close");
    heading.id = "question";
    this.list = element("ol", "changes");
    this.older = element("button", "", "Older");
    Object.assign(this.older, { type: "button", hidden: true, onclick: () => { this.most += SHOWN; this.draw(); } });
    this.problem = element("p", "problem");
    this.problem.role = "alert";
    Object.assign(close, { type: "button", onclick: () => this.dialog.close() });
    const note = element("p", "note", "Of everything that people make or decide here. No photo is ever changed.");
    this.dialog.classList.add("wide");
    this.dialog.replaceChildren(heading, note, this.problem, this.list, this.older, close);
    this.dialog.addEventListener("close", () => this.dialog.classList.remove("wide"), { once: true });
    if (!this.dialog.open) this.dialog.showModal();
    close.focus();
    this.load();
  }

  async load() {
    const answer = await readOperation("changes");
    if (!this.list.isConnected) return; // it was closed meanwhile
    if (!answer?.ok) { this.problem.textContent = answer ? answer.content : NO_SERVER; return; }
    this.changes = answer.content;
    this.draw();
  }

  draw() {
    const rows = this.changes.slice(0, this.most).map((change) => this.row(change));
    this.list.replaceChildren(...(rows.length ? rows : [element("li", "", "Nothing was changed yet.")]));
    this.older.hidden = this.changes.length <= this.most;
  }

  /** @param {Change} change */
  row({ id, title, changed_at: moment, undone }) {
    const row = element("li"), what = element("span", "what"), act = element("button", "", undone ? "Do again" : "Undo");
    what.append(element("span", "name", title), element("span", "period", `${momentName(localTime(moment))}${undone ? ", undone" : ""}`));
    row.classList.toggle("undone", undone);
    Object.assign(act, { type: "button", ariaLabel: `${act.textContent}: ${title}`, onclick: () => this.turn(id, undone) });
    act.dataset.change = String(id);
    row.append(what, act);
    return row;
  }

  /** @param {Change["id"]} id @param {boolean} undone */
  async turn(id, undone) {
    if (id === null) return; // a change that changed nothing is not listed
    this.problem.textContent = "";
    const answer = await (undone ? tray.redo(id) : tray.undo(id));
    if (!this.list.isConnected) return;
    if (!answer?.ok) this.problem.textContent = answer ? answer.content : NO_SERVER;
    await this.load();
    find(this.list, `[data-change="${id}"]`)?.focus();
  }
}

// A moment of the server, with its offset, as the clock of the visitor has it.
/** @param {string} moment */
function localTime(moment) {
  const at = new Date(moment);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString();
}
