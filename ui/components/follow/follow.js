// Has the page drawn anew when the state that it shows is not the present one any more. It asks for as long as the two
// differ, so a reply of the server that is lost makes the page late and no more.

import { Polling } from "../shared/drawing.js";
import { mount } from "../shared/page.js";

const ASK_MS = 1000;

class Follower {
  constructor() {
    this.polling = new Polling(ASK_MS, (content) => content.state !== this.state);
  }

  update({ address, state }, { setTriggerValue }) {
    if (state !== this.state) this.polling.drawn();
    this.state = state;
    this.polling.address = address;
    this.polling.draw = () => setTriggerValue("changed", true);
  }

  close() { this.polling.close(); }
}

export default mount(Follower);
