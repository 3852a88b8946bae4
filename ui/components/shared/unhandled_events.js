// Events of a component that Python has not handled yet. They are the state of the component: of
// triggers that arrive while Python is busy, it gets the last.

export class UnhandledEvents {
  constructor() {
    /** @type {[number, string, ...unknown[]][]} */
    this.events = [];
    this.last = 0;
    this.session = ""; // of Python: another one where the connection was lost in between
  }

  // Returns all of them, each after its number and its session. The number is greater than any before,
  // also if the component was created anew in between.
  /** @param {unknown[]} event */
  add(...event) {
    this.last = Math.max(this.last + 1, Date.now());
    this.events.push([this.last, this.session, ...event]);
    return this.events;
  }

  // Python has handled those up to this number in this session; those of an earlier one are void.
  /** @param {[session: string, handled: number]} upTo */
  drop([session, handled]) {
    this.session = session;
    this.last = Math.max(this.last, handled);
    this.events = this.events.filter((event) => event[0] > handled && event[1] === session);
  }
}
