// For each concept, whether the photo shows it: a thumb up, a thumb down, or neither. The arrow keys
// show the next photo before Python knows of it, so a judgement names the photo that is on the screen.

import { PHOTO_CHANGE } from "../history/history.js";
import { NO_SERVER, ask } from "../shared/ask.js";
import { element, icon } from "../shared/dom.js";

const BUTTONS = [[true, "Yes", "thumb_up"], [false, "No", "thumb_down"]];

export default function (box, { data }) {
  box.judgements ??= new Judgements(box);
  box.judgements.update(data);
  return () => queueMicrotask(() => { if (!box.isConnected) { box.judgements?.close(); box.judgements = null; } });
}

class Judgements {
  constructor(box) {
    this.made = new Map(); // since the view was opened, also those on their way: by photo and concept
    this.sent = Promise.resolve(); // one after the other: the last one of a photo counts
    this.rows = new Map(); // by concept: the buttons
    this.list = element("div", "list");
    this.status = element("p", "status");
    this.status.role = "status";
    box.replaceChildren(this.list, this.status);
    this.onChange = () => this.mark();
    addEventListener(PHOTO_CHANGE, this.onChange);
  }

  update(data) {
    this.data = data;
    const names = data.concepts.map(({ name }) => name);
    if (names.join("\n") !== [...this.rows.keys()].join("\n")) this.draw(names);
    this.mark();
  }

  draw(names) {
    this.rows.clear();
    this.list.replaceChildren(...names.map((name) => {
      const row = element("div", "row");
      row.role = "group";
      row.ariaLabel = name;
      const buttons = BUTTONS.map(([shows, label, sign]) => {
        const button = element("button");
        button.type = "button";
        button.append(icon(sign), element("span", "", label));
        button.onclick = () => this.judge(name, shows);
        return button;
      });
      row.append(element("span", "name", name), ...buttons);
      this.rows.set(name, buttons);
      return row;
    }));
  }

  // null also where nothing is known yet: what Python has said counts for its photo only.
  judged(photo, name) {
    const made = this.made.get(`${photo} ${name}`);
    if (made !== undefined) return made;
    return photo === this.data.photo ? this.data.concepts.find((each) => each.name === name).judged : null;
  }

  mark() {
    const photo = photoOnScreen();
    for (const [name, buttons] of this.rows) {
      const judged = this.judged(photo, name);
      buttons.forEach((button, place) => {
        const isPressed = BUTTONS[place][0] === judged;
        button.ariaPressed = String(isPressed);
        button.title = isPressed ? "Click again to take it back." : "";
      });
    }
  }

  judge(name, clicked) {
    const photo = photoOnScreen(), before = this.judged(photo, name);
    const shows = clicked === before ? null : clicked;
    this.made.set(`${photo} ${name}`, shows);
    this.status.textContent = "";
    this.mark();
    this.sent = this.sent.then(async () => {
      const body = JSON.stringify({ concept: name, photo: Number(photo), shows });
      const answer = await ask("/judgements", { method: "PUT", body, keepalive: true });
      if (answer?.ok) return;
      if (this.made.get(`${photo} ${name}`) === shows) this.made.set(`${photo} ${name}`, before);
      this.status.textContent = answer ? answer.content : NO_SERVER;
      this.mark();
    });
  }

  close() { removeEventListener(PHOTO_CHANGE, this.onChange); }
}

const photoOnScreen = () => new URLSearchParams(location.search).get("id");
