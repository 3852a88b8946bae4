// Two to six photos side by side, with one zoom and one place for all: what is at the same place in each is seen at once.

import { NO_SERVER, ask } from "../shared/ask.js";
import { closest, element, icon } from "../shared/dom.js";
import { showPicture } from "../shared/picture.js";
import { tray } from "../shared/tray.js";

/** @import { Point, Response } from "../types.d.ts" */
/** @typedef {{ photo_id: number | string, path: string, taken_at: string | null, width_px: number, height_px: number }} PhotoRecord of those that ui/exports.py writes as JSON */

const MOST_ZOOM = 16, STEP = 1.5, SECOND_ZOOM = 3; // a double click leads there
const ALL_PIXELS_ZOOM = 1.2; // closer than that, the large picture is not enough
const KEY_PAN = 0.15; // of a cell
const DOUBLE_MS = 300;

export class Comparison {
  /** @type {number | null} */ pressedAt = null; // when one pointer was pressed last, if it has not moved since

  // `ids` are those of the photos; `box` gets the dialog.
  /** @param {HTMLElement} box @param {string[]} ids */
  constructor(box, ids) {
    this.zoom = 1;
    this.x = this.y = 0; // how far the photos are moved, in parts of their cells
    /** @type {Map<number, Point>} */
    this.fingers = new Map(); // where each pointer is, by its id
    this.dialog = element("dialog", "compare");
    this.dialog.ariaLabel = `Compare ${ids.length} photos`;
    this.dialog.onclose = () => this.dialog.remove();
    this.stage = element("div", "cells");
    this.stage.dataset.count = String(ids.length);
    const bar = element("div", "compare-bar");
    this.level = element("span", "level");
    bar.append(element("strong", "", `${ids.length} photos`), this.level, button("zoom_out", "Smaller", () => this.zoomBy(1 / STEP)),
      button("zoom_in", "Larger", () => this.zoomBy(STEP)), button("fit_screen", "Whole photos", () => this.reset()), button("close", "Close", () => this.dialog.close()));
    this.cells = ids.map((id) => new Cell(id));
    this.stage.append(...this.cells.map(({ node }) => node));
    this.dialog.append(bar, this.stage);
    this.dialog.onkeydown = (event) => this.onKey(event);
    this.stage.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
    for (const kind of /** @type {const} */ (["pointerdown", "pointermove", "pointerup", "pointercancel"])) this.stage.addEventListener(kind, (event) => this.onPointer(event));
    box.append(this.dialog);
    this.dialog.showModal();
    this.show();
    this.describe(ids);
  }

  // Their names and dates.
  /** @param {string[]} ids */
  async describe(ids) {
    /** @type {Response<string> | null} */
    const answer = await ask("/exports/json", { method: "PUT", body: JSON.stringify({ ids }) });
    /** @type {PhotoRecord[]} */
    const records = answer?.ok ? JSON.parse(answer.content) : [];
    // As numbers: ids of archives have 63 bits, of which JSON.parse keeps 53, as Number does.
    const known = new Map(records.map((record) => [Number(record.photo_id), record]));
    for (const cell of this.cells) cell.describe(known.get(Number(cell.id)), answer ? "" : NO_SERVER);
  }

  show() {
    this.level.textContent = `${Math.round(100 * this.zoom)} %`;
    this.stage.classList.toggle("zoomed", this.zoom > 1);
    for (const cell of this.cells) cell.place(this.zoom, this.x, this.y);
  }

  // `at` is where the zoom has its middle: from -.5 to .5 of a cell on both axes.
  /** @param {number} factor @param {Point} [at] */
  zoomBy(factor, at = { x: 0, y: 0 }) {
    const zoom = Math.min(MOST_ZOOM, Math.max(1, this.zoom * factor)), by = zoom / this.zoom;
    this.moveTo(at.x - (at.x - this.x) * by, at.y - (at.y - this.y) * by, zoom);
  }

  /** @param {number} x @param {number} y @param {number} [zoom] */
  moveTo(x, y, zoom = this.zoom) {
    const most = (zoom - 1) / 2;
    Object.assign(this, { zoom, x: Math.min(most, Math.max(-most, x)), y: Math.min(most, Math.max(-most, y)) });
    this.show();
  }

  reset() { this.moveTo(0, 0, 1); }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = /** @type {Record<string, () => void>} */ ({
      "+": () => this.zoomBy(STEP), "=": () => this.zoomBy(STEP), "-": () => this.zoomBy(1 / STEP), 0: () => this.reset(), z: () => this.toggle({ x: 0, y: 0 }),
      ArrowLeft: () => this.moveTo(this.x + KEY_PAN, this.y), ArrowRight: () => this.moveTo(this.x - KEY_PAN, this.y),
      ArrowUp: () => this.moveTo(this.x, this.y + KEY_PAN), ArrowDown: () => this.moveTo(this.x, this.y - KEY_PAN),
      c: () => this.dialog.close(),
    })[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  /** @param {Point} at */
  toggle(at) { if (this.zoom > 1) this.reset(); else this.zoomBy(SECOND_ZOOM, at); }

  /** @param {WheelEvent} event */
  onWheel(event) {
    event.preventDefault();
    const at = placeIn(event);
    if (at) this.zoomBy(Math.exp(-event.deltaY / 400), at);
  }

  // One pointer moves the photos, two zoom them.
  /** @param {PointerEvent} event */
  onPointer(event) {
    const at = placeIn(event), before = this.fingers.get(event.pointerId);
    if (event.type === "pointerdown") {
      if (!at || event.button !== 0) return;
      if (event.target instanceof Element) event.target.setPointerCapture(event.pointerId);
      this.fingers.set(event.pointerId, at);
      const isDouble = event.timeStamp - (this.pressedAt ?? -Infinity) < DOUBLE_MS && this.fingers.size === 1;
      this.pressedAt = isDouble ? null : event.timeStamp;
      if (isDouble) this.toggle(at);
    } else if (event.type !== "pointermove") this.fingers.delete(event.pointerId);
    else if (before && at) {
      const [first, second] = [...this.fingers.values()], wide = second && Math.hypot(first.x - second.x, first.y - second.y);
      this.fingers.set(event.pointerId, at);
      if (Math.hypot(at.x - before.x, at.y - before.y) > 0.01) this.pressedAt = null; // it is a drag
      if (!second) { this.moveTo(this.x + at.x - before.x, this.y + at.y - before.y); return; }
      const [one, other] = [...this.fingers.values()], now = Math.hypot(one.x - other.x, one.y - other.y);
      if (wide && now) this.zoomBy(now / wide, { x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 });
    }
  }
}

// One photo with its name and a box that says whether it stays selected.
class Cell {
  /** @param {string} id */
  constructor(id) {
    this.id = id;
    this.hasAllPixels = false;
    this.node = element("figure", "cell");
    this.view = element("div", "cell-view");
    this.image = element("img");
    Object.assign(this.image, { alt: "", draggable: false });
    showPicture(this.image, `/thumbnail/large/${id}`, () => this.image.replaceWith(element("p", "no-preview", "No preview available")));
    this.view.append(this.image);
    const caption = element("figcaption");
    this.name = element("span", "name");
    const label = element("label", "keep"), box = element("input");
    Object.assign(box, { type: "checkbox", checked: tray.isSelected(id) });
    box.onchange = () => tray.set([id], box.checked);
    label.append(box, element("span", "", "Selected"));
    caption.append(this.name, label);
    this.node.append(this.view, caption);
  }

  /** @param {PhotoRecord | undefined} record @param {string} problem */
  describe(record, problem) {
    const name = record ? record.path.split("/").at(-1) ?? "" : problem || "This photo has left the library.";
    const about = record ? [record.taken_at?.slice(0, 16).replace("T", " "), `${record.width_px} × ${record.height_px} px`].filter(Boolean).join(" · ") : "";
    this.image.alt = name;
    this.name.replaceChildren(element("strong", "", name), ` ${about}`);
  }

  /** @param {number} zoom @param {number} x @param {number} y */
  place(zoom, x, y) {
    this.image.style.transform = `translate(${100 * x}%, ${100 * y}%) scale(${zoom})`;
    if (zoom <= ALL_PIXELS_ZOOM || this.hasAllPixels) return;
    this.hasAllPixels = true;
    const full = new Image();
    full.onload = () => { this.image.src = full.src; };
    full.onerror = () => { this.hasAllPixels = false; }; // the next zoom tries again
    full.src = `/thumbnail/full/${this.id}`;
  }
}

// Where a pointer is in its cell, from -.5 to .5; null if it is in none.
/** @param {MouseEvent} event @returns {Point | null} */
function placeIn(event) {
  const view = closest(event, ".cell-view");
  if (!view) return null;
  const { left, top, width, height } = view.getBoundingClientRect();
  return { x: (event.clientX - left) / width - 0.5, y: (event.clientY - top) / height - 0.5 };
}

/** @param {string} name @param {string} label @param {() => void} act */
function button(name, label, act) {
  const node = element("button");
  node.append(icon(name));
  Object.assign(node, { type: "button", ariaLabel: label, title: label, onclick: act });
  return node;
}
