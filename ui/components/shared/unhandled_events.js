// Events of a component that Python has not handled yet. They are the state of the component: of
// triggers that arrive while Python is busy, it gets the last.

export class UnhandledEvents {
  constructor() {
    this.events = [];
    this.last = 0;
  }

  // Returns all of them, each after its number: greater than any before, also if the component was
  // created anew in between.
  add(...event) {
    this.last = Math.max(this.last + 1, Date.now());
    this.events.push([this.last, ...event]);
    return this.events;
  }

  // Python has handled those up to this number.
  drop(handled) {
    this.last = Math.max(this.last, handled);
    this.events = this.events.filter(([number]) => number > handled);
  }
}
