// Events of a component that Python has not handled yet. They are the state of the component: of
// triggers that arrive while Python is busy, it gets the last.

import { DrawingRequests } from "./drawing.js";
import { isScriptRunning } from "./page.js";

const CHECK_MS = 1000;

export class UnhandledEvents {
  /** @param {Element} box of the component */
  constructor(box) {
    this.box = box;
    /** @type {[number, string, ...unknown[]][]} */
    this.events = [];
    this.last = 0;
    this.session = ""; // of Python: another one where the connection was lost in between
    this.requests = new DrawingRequests();
    this.timer = 0;
    /** @type {(events: unknown[]) => void} */
    this.send = () => {};
  }

  // Sends an event with those before it, each after its number and its session. The number is greater than any before,
  // also if the component was created anew in between.
  /** @param {unknown[]} event */
  add(...event) {
    this.last = Math.max(this.last + 1, Date.now());
    this.events.push([this.last, this.session, ...event]);
    this.send([...this.events]);
    this.watch();
  }

  // To be called at each run. Python has handled the events up to this number in this session; those of an earlier one are
  // void. `send` makes its argument the state of the component.
  /** @param {[session: string, handled: number]} upTo @param {(events: unknown[]) => void} send */
  update([session, handled], send) {
    this.session = session;
    this.send = send;
    this.last = Math.max(this.last, handled);
    this.events = this.events.filter((event) => event[0] > handled && event[1] === session);
    if (this.events.length) return;
    clearTimeout(this.timer);
    this.requests.end();
  }

  // Streamlit may take an earlier state of the component for its last one: two runs that begin at the same time do not
  // wait for each other. So what stays unhandled is sent again.
  watch() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (!this.box.isConnected) return;
      if (!isScriptRunning()) this.requests.ask(() => this.send([...this.events]));
      this.watch();
    }, CHECK_MS);
  }
}
