// How large a photo is shown in the window, and which part of it.

/** @import { Point } from "../types.d.ts" */
/** @typedef {{ width: number, height: number }} Size in pixels */

const MAX_OF_PIXELS = 4, MAX_OF_FIT = 3; // how far one can zoom in, by the larger of the two
const MIN_OF_FIT = 0.5; // while fingers hold it; then it goes back
const IN_FACTOR = 1.01; // larger than this many times its first size, a photo is zoomed in

export class Zoom {
  /** @type {Point} */ pan = { x: 0, y: 0 };
  level = 1; // pixels of CSS for a pixel of the photo

  // `size` has the photo's width and height in pixels. `changed` is called with this after each change.
  /** @param {HTMLElement} image @param {Size} size @param {(zoom: Zoom) => void} changed */
  constructor(image, size, changed) {
    this.image = image;
    this.size = size;
    this.changed = changed;
    this.levels = levelsOf(size);
    this.reset();
  }

  // The whole photo in the middle of the window.
  reset() {
    this.levels = levelsOf(this.size);
    this.level = this.levels.fit;
    this.pan = this.clamped({ x: 0, y: 0 });
    Object.assign(this.image.style, { width: `${this.size.width * this.level}px`, height: `${this.size.height * this.level}px` });
    this.draw(0);
  }

  get isIn() { return this.level > IN_FACTOR * this.levels.fit; }

  // Shows it at this level; what is at `point` of the window stays there, as far as that is possible.
  /** @param {number} level @param {Point} point @param {number} [ms] */
  to(level, point, ms = 0) {
    this.set(Math.min(Math.max(level, this.levels.fit), this.levels.max), point);
    this.pan = this.clamped(this.pan);
    this.draw(ms);
  }

  // As `to`, while two fingers hold it: beyond the limits, and `point` was at `from` before.
  /** @param {number} level @param {Point} point @param {Point} from */
  hold(level, point, from) {
    this.set(Math.min(Math.max(level, MIN_OF_FIT * this.levels.fit), this.levels.max), from);
    this.pan = { x: this.pan.x + point.x - from.x, y: this.pan.y + point.y - from.y };
    this.draw(0);
  }

  /** @param {number} level @param {Point} point */
  set(level, point) {
    const by = level / this.level;
    this.pan = { x: point.x - (point.x - this.pan.x) * by, y: point.y - (point.y - this.pan.y) * by };
    this.level = level;
  }

  // Moves it; beyond its edges, only a third as far if `isHeld`, and not at all otherwise.
  /** @param {Point} pan @param {boolean} isHeld @param {number} [ms] */
  panTo(pan, isHeld, ms = 0) {
    const inside = this.clamped(pan);
    const share = isHeld ? 1 / 3 : 0;
    this.pan = { x: inside.x + (pan.x - inside.x) * share, y: inside.y + (pan.y - inside.y) * share };
    this.draw(ms);
  }

  /** @param {number} x @param {number} y @param {number} ms */
  panBy(x, y, ms) { this.panTo({ x: this.pan.x + x, y: this.pan.y + y }, false, ms); }

  // Whether the photo has more to show when it is dragged by this many pixels to the right.
  /** @param {number} x */
  canPan(x) {
    const { x: inside } = this.clamped({ x: this.pan.x + Math.sign(x), y: this.pan.y });
    return Math.abs(inside - this.pan.x) > 0.5;
  }

  /** @param {Point} pan */
  clamped(pan) {
    const width = this.size.width * this.level, height = this.size.height * this.level;
    return { x: inWindow(pan.x, width, innerWidth), y: inWindow(pan.y, height, innerHeight) };
  }

  /** @param {number} ms */
  draw(ms) {
    this.image.style.transition = ms ? `transform ${ms}ms ease-out` : "none";
    this.image.style.transform = `translate(${this.pan.x}px, ${this.pan.y}px) scale(${this.level / this.levels.fit})`;
    this.changed(this);
  }
}

// In pixels of CSS for a pixel of the photo: where all of it is seen, where its pixels are those of
// the screen, what a double click shows, and the largest.
/** @param {Size} size */
function levelsOf({ width, height }) {
  const fit = Math.min(1, innerWidth / width, innerHeight / height);
  const pixels = 1 / devicePixelRatio;
  const second = pixels > 1.2 * fit ? pixels : 2 * fit;
  return { fit, pixels, second, max: Math.max(MAX_OF_PIXELS * pixels, MAX_OF_FIT * fit) };
}

// Where the photo begins: in the middle if there is room, else so that no edge is inside the window.
/** @param {number} start @param {number} length @param {number} room */
function inWindow(start, length, room) {
  return length <= room ? (room - length) / 2 : Math.min(0, Math.max(room - length, start));
}
