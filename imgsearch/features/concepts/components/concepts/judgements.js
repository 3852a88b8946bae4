// For each concept, whether the photo shows it: a thumb up, a thumb down, or neither. A judgement names the photo that is
// on the screen.

import { NO_SERVER, askOperation } from "../shared/ask.js";
import { element, printable, textButton } from "../shared/dom.js";
import { TOLD, tray } from "../shared/tray.js";

/** @typedef {boolean | null} Judged whether a photo shows a concept; null: nobody has said so */

/** @type {[shows: boolean, label: string, sign: string][]} */
const BUTTONS = [[true, "Yes", "thumb_up"], [false, "No", "thumb_down"]];

export class Judgements {
  photo = ""; // the id of the one that is shown

  // `judgedOf(id)` has what the library knows of a photo, by the names of concepts; a photo may not be known yet.
  /** @param {(id: string) => Record<string, Judged>} judgedOf */
  constructor(judgedOf) {
    this.judgedOf = judgedOf;
    /** @type {Map<string, Judged>} */
    this.made = new Map(); // since the view was opened, also those on their way: by photo and concept
    /** @type {Promise<unknown>} */
    this.sent = Promise.resolve(); // one after the other: the last one of a photo counts
    /** @type {Map<string, HTMLButtonElement[]>} */
    this.rows = new Map(); // by concept: the buttons
    this.list = element("div", "judged");
    this.status = element("p", "problem");
    this.status.role = "status";
    this.node = element("div");
    this.node.append(this.list, this.status);
  }

  // Show what is said of a photo.
  /** @param {string} photo @param {string[]} names */
  update(photo, names) {
    this.photo = photo;
    if (names.join("\n") !== [...this.rows.keys()].join("\n")) this.draw(names);
    this.mark();
  }

  /** @param {string[]} names */
  draw(names) {
    this.rows.clear();
    this.list.replaceChildren(...names.map((name) => {
      const row = element("div", "judgement");
      row.role = "group";
      row.ariaLabel = name;
      const buttons = BUTTONS.map(([shows, label, sign]) => textButton(label, () => this.judge(name, shows), sign, "button"));
      row.append(element("span", "name", name), ...buttons);
      this.rows.set(name, buttons);
      return row;
    }));
  }

  /** @param {string} photo @param {string} name */
  judged(photo, name) {
    const made = this.made.get(`${photo} ${name}`);
    return made === undefined ? this.judgedOf(photo)[name] ?? null : made;
  }

  mark() {
    for (const [name, buttons] of this.rows) {
      const judged = this.judged(this.photo, name);
      buttons.forEach((button, place) => {
        const isPressed = BUTTONS[place][0] === judged;
        button.ariaPressed = String(isPressed);
        button.title = isPressed ? "Click again to take it back." : "";
      });
    }
  }

  /** @param {string} name @param {boolean} clicked */
  judge(name, clicked) {
    const { photo } = this, before = this.judged(photo, name), shows = clicked === before ? null : clicked;
    const sent = this.say(photo, name, shows);
    sent.then((isTaught) => {
      if (!isTaught) return;
      const takesBack = () => this.say(photo, name, before);
      tray.canTakeBack(takesBack);
      tray.tell(TOLD, { text: `${printable(name)}: ${shows === null ? "forgot what you said" : shows ? "the photo shows it" : "the photo does not show it"}`, takesBack });
    });
  }

  // Says whether a photo shows a concept; null takes it back. Returns whether the library has learned it.
  /** @param {string} photo @param {string} name @param {Judged} shows @returns {Promise<boolean>} */
  say(photo, name, shows) {
    const before = this.judged(photo, name);
    this.made.set(`${photo} ${name}`, shows);
    this.status.textContent = "";
    this.mark();
    const sent = this.sent.then(async () => {
      const answer = await askOperation("concepts/teach", { name, ...lessonOf(Number(photo), shows) });
      if (answer?.ok) return true;
      if (this.made.get(`${photo} ${name}`) === shows) this.made.set(`${photo} ${name}`, before);
      this.status.textContent = answer ? answer.content : NO_SERVER;
      this.mark();
      return false;
    });
    this.sent = sent;
    return sent;
  }
}

// What a concept learns from a judgement of a photo.
/** @param {number} photo_id @param {Judged} shows */
function lessonOf(photo_id, shows) {
  if (shows === null) return { withdraw: [{ photo_id }] };
  return shows ? { like: [{ photo_id }] } : { unlike: [{ photo_id }] };
}
