// The last changes of the library, by whomever and from wherever: each can be undone, and done again, by its name. The
// dialog of the header shows them, and a view among the tools.

import { NO_SERVER, readOperation } from "./ask.js";
import { element, find, focusIn, momentName } from "./dom.js";
import { tray } from "./tray.js";

/** @import { Change } from "../operations.d.ts" */

const SHOWN = 50; // at first, and with each "Older"

export class ChangeList {
  /** @type {Change[]} */ changes = [];

  constructor() {
    this.most = SHOWN;
    this.asked = 0; // an answer that a later question has overtaken is dropped
    this.list = element("ol", "changes");
    this.older = element("button", "", "Older");
    Object.assign(this.older, { type: "button", hidden: true, onclick: () => { this.most += SHOWN; this.draw(); } });
    this.problem = element("p", "problem");
    this.problem.role = "alert";
    this.note = element("p", "note", "Of everything that people make or decide here. No photo is ever changed.");
  }

  // What is to be shown, from top to bottom.
  get nodes() { return [this.note, this.problem, this.list, this.older]; }

  async load() {
    const asked = (this.asked += 1), answer = await readOperation("changes");
    if (!this.list.isConnected || asked !== this.asked) return; // it was closed meanwhile
    if (!answer?.ok) { this.problem.textContent = answer ? answer.content : NO_SERVER; return; }
    this.changes = answer.content;
    this.draw();
  }

  // The button of a change that has the focus keeps it.
  draw() {
    const focused = focusIn(this.list), change = this.list.contains(focused) ? focused?.getAttribute("data-change") : null;
    const rows = this.changes.slice(0, this.most).map((change) => this.row(change));
    this.list.replaceChildren(...(rows.length ? rows : [element("li", "", "Nothing was changed yet.")]));
    this.older.hidden = this.changes.length <= this.most;
    if (change) find(this.list, `[data-change="${change}"]`)?.focus();
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
  }
}

// A moment of the server, with its offset, as the clock of the visitor has it.
/** @param {string} moment */
function localTime(moment) {
  const at = new Date(moment);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString();
}
