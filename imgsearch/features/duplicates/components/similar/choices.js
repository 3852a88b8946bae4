// Which near-duplicates somebody has chosen to keep, or not to keep, until the library has recorded it. One for the tab.
//
// A choice shows at once and is sent afterwards, one request at a time. What could not be sent yet survives a reload and
// a restart of the server. An archive records no choices: there this tab keeps them.

import { ask } from "../shared/ask.js";

/** @import { CustomTarget, Parameters, Response } from "../types.d.ts" */
/** @typedef {{ id: string, keep: boolean, reason: string }} Choosable a photo, and whether it is kept, for a reason */
/** @typedef {{ groups: number, photos: number, superfluous: string, chosen: number, has_script: boolean, version: string }} Counts of all groups; `superfluous` is the size of the photos that are not kept */
/** @typedef {Counts & { changed: Record<string, { keep: boolean, reason: string }>, problem: string }} Recorded what has changed by a request */
/** @typedef {{ chosen: Response<Recorded>, "chosen-elsewhere": undefined }} ChoicesEvents */

const UNSENT = "imgsearch.choices", OWN = "imgsearch.own-choices"; // in the storage of the tab
const RETRY_MS = 1000;
export const CHOSEN = "chosen"; // a request was answered: `detail` has the answer
export const CHOSEN_ELSEWHERE = "chosen-elsewhere"; // in another tab

class Choices extends EventTarget {
  constructor() {
    super();
    this.unsent = stored(UNSENT); // ids, and whether they are to be kept
    this.own = stored(OWN); // those of an archive
    this.keeps = true; // whether the library records them
    /** @type {Parameters} */
    this.parameters = {}; // of the address of the view
    this.isSending = false;
    /** @type {Promise<void>} */
    this.sent = Promise.resolve();
    this.channel = "BroadcastChannel" in window ? new BroadcastChannel("imgsearch-choices") : null;
    if (this.channel) this.channel.onmessage = () => this.dispatchEvent(new Event(CHOSEN_ELSEWHERE));
  }

  // To be called by the view at each run.
  /** @param {boolean} keeps @param {Parameters} parameters */
  begin(keeps, parameters) {
    Object.assign(this, { keeps, parameters });
    this.send();
  }

  // The choices that a request has to name, since the library does not know them.
  get told() { return this.keeps ? {} : Object.fromEntries(this.own); }

  // Whether a photo is kept, of which the server has said so before.
  /** @param {Choosable} photo */
  isKept(photo) { return this.unsent.get(photo.id) ?? photo.keep; }

  /** @param {string} id @param {boolean} isKept */
  set(id, isKept) {
    this.unsent.set(id, isKept);
    if (!this.keeps) this.own.set(id, isKept);
    this.keep();
    this.send();
  }

  // What is proposed is kept again.
  async forget() {
    await this.settled();
    this.own.clear();
    this.keep();
    const answer = await this.ask({ forgets: true });
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
    while (this.unsent.size) {
      const batch = new Map(this.unsent), answer = await this.ask({ choices: Object.fromEntries(batch) });
      if (!answer || answer.status === 403 || answer.status >= 500) {
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        continue;
      }
      // One that was clicked again meanwhile is sent again.
      for (const [id, isKept] of batch) if (this.unsent.get(id) === isKept) this.unsent.delete(id);
      this.keep();
      this.dispatchEvent(new CustomEvent(CHOSEN, { detail: answer }));
    }
    this.isSending = false;
    this.channel?.postMessage("");
  }

  // A browser lets small requests end although the page is being left.
  /** @param {{ choices: Record<string, boolean> } | { forgets: true }} content @returns {Promise<Response<Recorded> | null>} */
  ask(content) {
    const body = JSON.stringify({ address: this.parameters, chosen: this.told, ...content });
    return ask("/similar/choices", { method: "PUT", body, keepalive: body.length < 30_000 });
  }

  keep() {
    try {
      sessionStorage.setItem(UNSENT, JSON.stringify([...this.unsent]));
      sessionStorage.setItem(OWN, JSON.stringify([...this.own]));
    } catch { /* private mode: for this page only */ }
  }
}

/** @param {string} name @returns {Map<string, boolean>} */
function stored(name) {
  try { return new Map(JSON.parse(sessionStorage.getItem(name) ?? "[]")); } catch { return new Map(); }
}

export const choices = /** @type {CustomTarget<ChoicesEvents> & Choices} */ (new Choices());
