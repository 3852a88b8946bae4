// A slider along the side of the grid: years and months, in proportion to the space they take.

import { element, monthName } from "../shared/dom.js";

/** @import { Layout } from "./layout.js" */

const LABEL_HEIGHT = 18;

export class Scrubber {
  // `scrollTo` is called with the top of a month, or with any height that was dragged to.
  /** @param {(top: number) => void} scrollTo */
  constructor(scrollTo) {
    this.scrollTo = scrollTo;
    this.node = element("div", "scrubber");
    this.bubble = element("div", "bubble");
    this.mark = element("div", "mark");
    this.labels = element("div", "labels");
    this.node.append(this.labels, this.mark, this.bubble);
    Object.assign(this.node, { tabIndex: 0, role: "slider", ariaLabel: "Month", ariaOrientation: "vertical", ariaValueMin: "1" });
    this.height = this.visible = 1;
    /** @type {{ month: string, top: number }[]} */
    this.months = [];
    this.current = 0;
    /** @type {number | null} */
    this.chosen = null; // by a key
    this.node.onkeydown = (event) => this.onKey(event);
    this.node.onpointerdown = (event) => {
      if (!this.months.length) return;
      this.node.setPointerCapture(event.pointerId);
      this.node.classList.add("dragging");
      /** @param {PointerEvent} move */
      const drag = (move) => {
        const bounds = this.node.getBoundingClientRect();
        const share = Math.min(1, Math.max(0, (move.clientY - bounds.top) / bounds.height));
        this.scrollTo(share * (this.height - this.visible));
      };
      drag(event);
      this.node.onpointermove = drag;
      this.node.onpointerup = this.node.onpointercancel = () => {
        this.node.onpointermove = this.node.onpointerup = this.node.onpointercancel = null;
        this.node.classList.remove("dragging");
      };
    };
  }

  // `layout` of the grid, of which `visible` pixels are shown at once.
  /** @param {Layout} layout @param {number} visible */
  update(layout, visible) {
    this.height = Math.max(layout.height, visible + 1);
    this.visible = visible;
    this.months = layout.sections.flatMap(({ headings, top }) => headings.flatMap((heading) => (heading.kind === "month" ? [{ month: heading.month, top }] : [])));
    this.node.hidden = this.months.length < 2 || layout.height <= visible;
    this.node.ariaValueMax = String(this.months.length);
    const track = this.node.clientHeight, labels = [];
    let year = "", free = 0;
    for (const { month, top } of this.months) {
      if (month.slice(0, 4) === year) continue;
      const y = (top / this.height) * track;
      year = month.slice(0, 4);
      if (y < free || y > track - LABEL_HEIGHT) continue; // it would cover the one before
      const label = element("span", "year", year);
      label.style.top = `${y}px`;
      labels.push(label);
      free = y + LABEL_HEIGHT;
    }
    this.labels.replaceChildren(...labels);
  }

  // Show which part is in sight.
  /** @param {number} top */
  showAt(top) {
    const last = this.months.length - 1, end = this.height - this.visible;
    const after = this.months.findIndex((month) => month.top > top + 1);
    this.current = after < 0 || top >= end - 1 ? last : Math.max(0, after - 1);
    // At the end several months are in sight, of which the keys go to each.
    const { chosen } = this, month = chosen === null ? null : this.months[chosen];
    if (chosen !== null && month && Math.abs(Math.min(month.top, end) - top) <= 1) this.current = chosen; else this.chosen = null;
    const share = Math.min(1, top / Math.max(1, this.height - this.visible));
    const y = `${share * 100}%`;
    this.mark.style.top = y;
    this.bubble.style.top = `clamp(18px, ${y}, calc(100% - 18px))`;
    const current = this.months[this.current];
    if (!current) return;
    this.bubble.textContent = this.node.ariaValueText = monthName(current.month);
    this.node.ariaValueNow = String(this.current + 1);
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const last = this.months.length - 1;
    const target = {
      ArrowDown: this.current + 1, ArrowRight: this.current + 1, ArrowUp: this.current - 1, ArrowLeft: this.current - 1,
      PageDown: this.current + 12, PageUp: this.current - 12, Home: 0, End: last,
    }[event.key];
    if (target === undefined || last < 0) return;
    event.preventDefault();
    this.chosen = Math.min(last, Math.max(0, target));
    this.scrollTo(this.months[this.chosen].top);
    this.showAt(Math.min(this.months[this.chosen].top, this.height - this.visible));
  }
}
