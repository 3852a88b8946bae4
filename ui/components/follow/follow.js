// Has the page drawn anew when the state that it shows is not the present one any more. It asks for as long as the two
// differ, so a reply of the server that is lost makes the page late and no more.

import { Polling } from "../shared/drawing.js";
import { mount } from "../shared/page.js";

/** @import { StreamlitComponent } from "../types.d.ts" */
/** @typedef {{ address: string, state: string }} Data where to ask, and what the page shows */

const ASK_MS = 1000;

class Follower {
  state = "";
  drawAnew = () => {};

  /** @param {HTMLElement} _box @param {Data} data */
  constructor(_box, data) {
    this.polling = new Polling(ASK_MS, data.address, (/** @type {{ state: string }} */ { state }) => state !== this.state, () => this.drawAnew());
  }

  /** @param {Data} data @param {StreamlitComponent<Data>} component */
  update({ address, state }, { setTriggerValue }) {
    if (state !== this.state) this.polling.drawn();
    this.state = state;
    this.polling.address = address;
    this.drawAnew = () => setTriggerValue("changed", true);
  }

  close() { this.polling.close(); }
}

export default mount(Follower);
