// What is in sight of the map: which part of its unit square is on the screen, and how large.

const MOST_PX = 4_000_000; // for the side of the square: photos on neighbouring steps are then apart
const LEAST_SHARE = .6; // of the size at which all of the map is in sight
const MARGIN_PX = 24;

export class Plane {
  constructor() {
    this.width = this.height = 1;
    this.x = this.y = .5; // what is in the middle of the screen
    this.scale = 1; // pixels for the side of the square
  }

  get fitScale() { return Math.max(50, Math.min(this.width, this.height) - 2 * MARGIN_PX); }

  // Doublings of the size at which all of the map is in sight.
  get zoom() { return Math.log2(this.scale / this.fitScale); }

  set zoom(zoom) { this.scale = this.limited(this.fitScale * 2 ** zoom); }

  get isWhole() { return this.zoom < .01 && Math.abs(this.x - .5) < 1e-3 && Math.abs(this.y - .5) < 1e-3; }

  /** @param {number} scale */
  limited(scale) { return Math.min(MOST_PX, Math.max(LEAST_SHARE * this.fitScale, scale)); }

  /** @param {number} width @param {number} height */
  resize(width, height) {
    const zoom = this.zoom;
    Object.assign(this, { width, height });
    if (Number.isFinite(zoom)) this.zoom = zoom;
  }

  /** @param {number} x */
  screenX(x) { return (x - this.x) * this.scale + this.width / 2; }

  /** @param {number} y */
  screenY(y) { return (y - this.y) * this.scale + this.height / 2; }

  /** @param {number} left */
  planeX(left) { return (left - this.width / 2) / this.scale + this.x; }

  /** @param {number} top */
  planeY(top) { return (top - this.height / 2) / this.scale + this.y; }

  /** @param {number} right @param {number} down */
  pan(right, down) {
    const within = (/** @type {number} */ value) => Math.min(1, Math.max(0, value));
    this.x = within(this.x - right / this.scale);
    this.y = within(this.y - down / this.scale);
  }

  // Zooms so that what is at this place of the screen stays there.
  /** @param {number} factor @param {number} [left] @param {number} [top] */
  zoomAt(factor, left = this.width / 2, top = this.height / 2) {
    const x = this.planeX(left), y = this.planeY(top);
    this.scale = this.limited(this.scale * factor);
    this.x = x;
    this.y = y;
    this.pan(left - this.width / 2, top - this.height / 2);
  }

  showAll() { Object.assign(this, { x: .5, y: .5, scale: this.fitScale }); }

  // Shows this part of the square, with some room around it.
  /** @param {{ left: number, right: number, top: number, bottom: number }} part */
  show({ left, right, top, bottom }) {
    const share = .8, least = 1e-5;
    this.x = (left + right) / 2;
    this.y = (top + bottom) / 2;
    this.scale = this.limited(share * Math.min(this.width / Math.max(least, right - left), this.height / Math.max(least, bottom - top)));
  }
}
