// Has the page drawn anew when the server has something else than it shows.

import { ask } from "./ask.js";

/** @import { Response } from "../types.d.ts" */

const FIRST_WAIT_MS = 5000;
const AFTER_INPUT_MS = 2000; // within which the server has taken a click

// Streamlit forgets a click on a button if another request comes before it has looked at it.
let lastInput = -Infinity;
for (const kind of ["click", "keydown"]) addEventListener(kind, (event) => { lastInput = event.timeStamp; }, { capture: true, passive: true });

// Asks for the page to be drawn anew until it is. A request stops a run that is under way, so on a slow machine requests
// that follow each other soon would keep the page from ever being drawn: each waits twice as long as the one before.
export class DrawingRequests {
  next = 0;
  wait = FIRST_WAIT_MS;

  // `request` has the page drawn; called only when the last request has had its time.
  /** @param {() => void} request */
  ask(request) {
    const now = performance.now();
    if (now < Math.max(this.next, lastInput + AFTER_INPUT_MS)) return;
    this.next = now + this.wait;
    this.wait *= 2;
    request();
  }

  // The page shows what it should.
  end() { Object.assign(this, { next: 0, wait: FIRST_WAIT_MS }); }
}

// Asks `address` at the page's server, with a pause between, and calls `draw` for as long as an answer says that the
// page has to be drawn anew.
/** @template Content */
export class Polling {
  // `isOutdated` is given the content of each answer, and says whether the page has to be drawn anew.
  /** @param {number} pauseMs @param {string} address @param {(content: Content) => boolean} isOutdated @param {() => void} draw */
  constructor(pauseMs, address, isOutdated, draw) {
    this.address = address;
    this.draw = draw;
    this.pauseMs = pauseMs;
    this.isOutdated = isOutdated;
    this.isClosed = false;
    this.requests = new DrawingRequests();
    this.wait();
  }

  wait() { this.timer = setTimeout(() => this.poll(), this.pauseMs); }

  async poll() {
    /** @type {Response<Content> | null} */
    const answer = await ask(this.address, { cache: "no-store" });
    if (this.isClosed) return;
    if (answer?.ok && this.isOutdated(answer.content)) this.requests.ask(this.draw);
    else this.requests.end();
    this.wait();
  }

  // The page was drawn with another state.
  drawn() { this.requests.end(); }

  close() {
    this.isClosed = true;
    clearTimeout(this.timer);
  }
}
