// Asks for the page to be drawn anew until it is. A request stops a run that is under way, so on a slow machine requests
// that follow each other soon would keep the page from ever being drawn: each waits twice as long as the one before.

const FIRST_WAIT_MS = 5000;

export class DrawingRequests {
  constructor() { this.end(); }

  // `request` has the page drawn; called only when the last request has had its time.
  ask(request) {
    const now = performance.now();
    if (now < this.next) return;
    this.next = now + this.wait;
    this.wait *= 2;
    request();
  }

  // The page shows what it should.
  end() { Object.assign(this, { next: 0, wait: FIRST_WAIT_MS }); }
}
