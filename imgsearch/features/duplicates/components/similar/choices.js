// Which near-duplicates somebody has chosen to keep, or not to keep, until the library has recorded it. One for the tab.
//
// A choice shows at once and is sent afterwards, one after the other. What could not be sent yet survives a reload and a
// restart of the server.

import { askOperation, deleteByOperation, readOperation } from "../shared/ask.js";
import { TOLD, tray } from "../shared/tray.js";

/** @import { ChosenPhoto } from "../operations.d.ts" */
/** @import { CustomTarget, Response } from "../types.d.ts" */
/** @typedef {Pick<ChosenPhoto, "keep" | "reason"> & { id: string }} Choosable a photo, and whether it is kept, for a reason */
/** @typedef {{ id: string, answer: Response<null> }} Recorded the answer to the choice of a photo */
/** @typedef {{ chosen: Recorded, "chosen-elsewhere": undefined }} ChoicesEvents */

const UNSENT = "imgsearch.choices"; // in the storage of the tab
const RETRY_MS = 1000;
export const CHOSEN = "chosen"; // a choice was answered: see `Recorded`
export const CHOSEN_ELSEWHERE = "chosen-elsewhere"; // in another tab, or several at once

class Choices extends EventTarget {
  constructor() {
    super();
    this.unsent = stored(UNSENT); // ids, and whether they are to be kept
    this.isSending = false;
    /** @type {Promise<void>} */
    this.sent = Promise.resolve();
    this.channel = "BroadcastChannel" in window ? new BroadcastChannel("imgsearch-choices") : null;
    if (this.channel) this.channel.onmessage = () => this.dispatchEvent(new Event(CHOSEN_ELSEWHERE));
  }

  // Whether a photo is kept, of which the server has said so before.
  /** @param {Choosable} photo */
  isKept(photo) { return this.unsent.get(photo.id) ?? photo.keep; }

  /** @param {string} id @param {boolean} isKept */
  set(id, isKept) {
    this.unsent.set(id, isKept);
    this.keep();
    this.send();
  }

  // Somebody chooses; Undo takes it back.
  /** @param {Choosable} photo @param {boolean} isKept */
  choose(photo, isKept) {
    const before = this.isKept(photo);
    this.set(photo.id, isKept);
    tray.canTakeBack(() => this.set(photo.id, before));
  }

  // What is proposed is kept again. The line at the lower edge offers to choose the same anew.
  async forget() {
    await this.settled();
    const before = await readOperation("duplicates/choices");
    if (!before?.ok) return before;
    const answer = await deleteByOperation("duplicates/choices");
    if (answer?.ok && answer.content) {
      const takesBack = async () => {
        for (const [id, isKept] of Object.entries(before.content)) this.set(id, isKept);
        await this.settled();
        this.dispatchEvent(new Event(CHOSEN_ELSEWHERE));
      };
      tray.canTakeBack(takesBack);
      tray.tell(TOLD, { text: `Forgot ${answer.content.toLocaleString("en")} choice${answer.content === 1 ? "" : "s"} among near-duplicates`, takesBack });
    }
    this.channel?.postMessage("");
    return answer;
  }

  // Until nothing is left to send.
  async settled() { while (this.unsent.size) await this.send(); }

  send() {
    if (!this.isSending && this.unsent.size) this.sent = this.sendAll();
    return this.sent;
  }

  async sendAll() {
    this.isSending = true;
    for (let first = firstOf(this.unsent); first; first = firstOf(this.unsent)) {
      const [id, isKept] = first, answer = await askOperation("duplicates/choices", { photo_id: Number(id), is_kept: isKept });
      if (!answer || answer.status === 403 || answer.status >= 500) {
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        continue;
      }
      if (this.unsent.get(id) === isKept) this.unsent.delete(id); // one that was clicked again meanwhile is sent again
      this.keep();
      this.dispatchEvent(new CustomEvent(CHOSEN, { detail: { id, answer } }));
    }
    this.isSending = false;
    this.channel?.postMessage("");
  }

  keep() {
    try { sessionStorage.setItem(UNSENT, JSON.stringify([...this.unsent])); } catch { /* private mode: for this page only */ }
  }
}

/** @param {Map<string, boolean>} choices */
const firstOf = (choices) => [...choices].at(0);

/** @param {string} name @returns {Map<string, boolean>} */
function stored(name) {
  try { return new Map(JSON.parse(sessionStorage.getItem(name) ?? "[]")); } catch { return new Map(); }
}

export const choices = /** @type {CustomTarget<ChoicesEvents> & Choices} */ (new Choices());
