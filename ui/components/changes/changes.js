// The view of the last changes. It follows what this tab and others change, and what others have changed meanwhile when
// somebody comes back to it.

import { ChangeList } from "../shared/change_list.js";
import { listen } from "../shared/dom.js";
import { mount } from "../shared/page.js";
import { MADE_CHANGE, OTHER_PHOTOS, tray } from "../shared/tray.js";

class ChangesView {
  /** @param {HTMLElement} box */
  constructor(box) {
    const changes = this.changes = new ChangeList(), load = () => { changes.load(); };
    box.replaceChildren(...changes.nodes);
    this.stops = [
      listen(tray, MADE_CHANGE, load),
      listen(tray, OTHER_PHOTOS, load),
      listen(document, "visibilitychange", () => { if (!document.hidden) load(); }),
    ];
  }

  update() { this.changes.load(); }

  close() { for (const stop of this.stops) stop(); }
}

export default mount(ChangesView);
