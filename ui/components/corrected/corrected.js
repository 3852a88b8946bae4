// What was corrected of a photo beside what its files state, with one click to take it back, and the way to correct it.
// The arrow keys show the next photo before Python knows of it: until it does, nothing can be clicked here.

import { PHOTO_CHANGE } from "../history/history.js";
import { element, textButton } from "../shared/dom.js";
import { ASKED_CORRECTION, OTHER_PHOTOS, tray } from "../shared/tray.js";

const FIRST_WAIT_MS = 4000; // until the page is asked again to be drawn anew

export default function (box, { data, setTriggerValue }) {
  box.corrected ??= new Corrected(box);
  box.corrected.update(data, () => setTriggerValue("changed", true));
  return () => queueMicrotask(() => { if (!box.isConnected) { box.corrected?.close(); box.corrected = null; } });
}

class Corrected {
  constructor(box) {
    this.box = box;
    this.onPhoto = () => { box.inert = new URLSearchParams(location.search).get("id") !== this.data.photo; };
    this.onOthers = () => this.drawAnew(FIRST_WAIT_MS);
    addEventListener(PHOTO_CHANGE, this.onPhoto);
    tray.addEventListener(OTHER_PHOTOS, this.onOthers);
  }

  close() {
    clearTimeout(this.timer);
    removeEventListener(PHOTO_CHANGE, this.onPhoto);
    tray.removeEventListener(OTHER_PHOTOS, this.onOthers);
  }

  update(data, draw) {
    if (this.data?.run !== data.run) clearTimeout(this.timer); // it was drawn
    Object.assign(this, { data, draw });
    this.onPhoto();
    const rows = data.rows.map((each) => this.row(each));
    const correct = textButton("Correct the date or place", () => tray.tell(ASKED_CORRECTION, [data.photo]), "edit_calendar");
    this.box.replaceChildren(...rows, correct);
  }

  // The details are drawn by Python. A request that is lost is repeated.
  drawAnew(waitMs) {
    clearTimeout(this.timer);
    this.draw();
    this.timer = setTimeout(() => this.drawAnew(2 * waitMs), waitMs);
  }

  row({ what, name, now, stated }) {
    const row = element("div", "row"), text = element("p");
    text.append(element("strong", "", `${name} corrected by you: ${now}.`), " ", element("span", "", `The file says: ${stated}.`));
    row.append(text, textButton(`Take back the ${what}`, () => this.takeBack(what), "undo"));
    return row;
  }

  async takeBack(what) {
    const answer = await tray.change("corrections/forget", { photo_ids: [Number(this.data.photo)], date: what === "date", place: what === "place" });
    tray.say(answer);
    if (answer?.ok) tray.tell(OTHER_PHOTOS);
  }
}
