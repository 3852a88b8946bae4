// Has the page drawn anew when the state that it shows is not the present one any more. It asks for as long as the two
// differ, so a reply of the server that is lost makes the page late and no more.

import { ask } from "../shared/ask.js";
import { DrawingRequests } from "../shared/drawing.js";

const ASK_MS = 1000;

class Follower {
  constructor(box) {
    this.box = box;
    this.isClosed = false;
    this.requests = new DrawingRequests();
    this.wait();
  }

  update({ address, state }, setTriggerValue) {
    if (state !== this.state) this.requests.end();
    this.address = address;
    this.state = state;
    this.drawAgain = () => setTriggerValue("changed", true);
  }

  wait() { this.timer = setTimeout(() => this.follow(), ASK_MS); }

  async follow() {
    const answer = await ask(this.address, { cache: "no-store" });
    if (this.isClosed) return;
    if (answer?.ok && answer.content.state !== this.state) this.requests.ask(this.drawAgain);
    else this.requests.end();
    this.wait();
  }

  close() {
    this.isClosed = true;
    clearTimeout(this.timer);
  }
}

export default function (box, { data, setTriggerValue }) {
  box.follower ??= new Follower(box);
  box.follower.update(data, setTriggerValue);
  // The element of an earlier run stays; it is gone only when the view changes.
  return () => queueMicrotask(() => { if (!box.isConnected) { box.follower?.close(); box.follower = null; } });
}
