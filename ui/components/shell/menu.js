// A button that opens a list of further links and buttons above it.

import { element, find, textButton } from "../shared/dom.js";

export class Menu {
  // `sign` is that of the button. Both the button and the list have to be put into the document.
  /** @param {string} text @param {string} sign */
  constructor(text, sign) {
    this.button = textButton(text, () => this.toggle(), sign, "more");
    this.button.ariaExpanded = "false";
    this.list = element("div", "more-list");
    Object.assign(this.list, { role: "group", ariaLabel: text, hidden: true, onclick: () => this.close() });
    this.onPointer = (/** @type {PointerEvent} */ event) => { if (!event.composedPath().some((node) => node === this.list || node === this.button)) this.close(); };
    this.onKey = (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Escape") return;
      event.stopImmediatePropagation(); // it belongs to the list
      this.close();
      this.button.focus();
    };
  }

  toggle() { if (this.list.hidden) this.open(); else this.close(); }

  open() {
    this.list.hidden = false;
    this.button.ariaExpanded = "true";
    document.addEventListener("pointerdown", this.onPointer);
    document.addEventListener("keydown", this.onKey, { capture: true });
    find(this.list, "a, button:enabled")?.focus();
  }

  close() {
    this.list.hidden = true;
    this.button.ariaExpanded = "false";
    document.removeEventListener("pointerdown", this.onPointer);
    document.removeEventListener("keydown", this.onKey, { capture: true });
  }
}
