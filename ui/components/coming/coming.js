// While photos are being added: how far that is, and a button that shows those that have come. Asks the page's server
// every other second. What it has to do follows from what the page shows and what the library has, so nothing is lost
// if a reply of the server is: the next answer asks for the same.

import { Polling } from "../shared/drawing.js";
import { countOf, element, icon } from "../shared/dom.js";
import { mount } from "../shared/page.js";

/** @import { StreamlitComponent } from "../types.d.ts" */
/** @typedef {{ photos: number, doing: string | null, share: number }} Progress: `doing` is null where nothing is done */
/** @typedef {{ shown: number, now: Progress }} Data: `shown` is the number of photos that the page was drawn with */

const ASK_MS = 2000;

class ComingPhotos {
  shown = 0;
  show = () => {}; // has the page drawn with the photos that have come

  /** @param {HTMLElement} box */
  constructor(box) {
    this.progress = element("progress");
    this.progress.max = 1;
    this.text = element("label", "text");
    this.words = element("span");
    this.text.append(this.words, this.progress);
    this.button = element("button");
    this.button.type = "button";
    this.button.hidden = true;
    this.label = element("span");
    this.button.append(icon("refresh"), this.label);
    this.button.onclick = () => this.show();
    box.replaceChildren(this.text, this.button);
    this.polling = new Polling(ASK_MS, "/coming", (/** @type {Progress} */ content) => {
      this.draw(content);
      // The last photo was added, or the first: the page follows by itself.
      return !content.doing || (content.photos > 0 && !this.shown);
    }, () => this.show());
  }

  /** @param {Data} data @param {StreamlitComponent<Data>} component */
  update({ shown, now }, { setTriggerValue }) {
    if (shown !== this.shown) this.polling.drawn();
    this.shown = shown;
    this.show = () => setTriggerValue("show", true);
    this.draw(now);
  }

  /** @param {Progress} now */
  draw({ photos, doing, share }) {
    const coming = photos - this.shown;
    if (doing) {
      this.words.textContent = doing;
      this.progress.value = share;
    }
    this.label.textContent = `${countOf(coming).replace("photo", "new photo")}: show`;
    this.button.hidden = coming <= 0;
  }

  close() { this.polling.close(); }
}

export default mount(ComingPhotos);
