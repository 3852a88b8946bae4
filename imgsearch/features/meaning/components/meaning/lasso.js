// A line that is drawn around photos.

/** @typedef {[left: number, top: number]} Corner in pixels */

const NAMESPACE = "http://www.w3.org/2000/svg", LEAST_CORNERS = 3, STEP_PX = 3;

export class Lasso {
  /** @type {number | null} */ pointer = null; // that draws: its id
  /** @type {Corner[]} */ path = [];

  // `onDrawn(path)` is called with the corners, [left, top] each.
  /** @param {(path: Corner[]) => void} onDrawn */
  constructor(onDrawn) {
    this.onDrawn = onDrawn;
    this.isOn = false; // whether the next press on the map begins one
    this.node = document.createElementNS(NAMESPACE, "svg");
    this.node.setAttribute("class", "lasso");
    this.node.setAttribute("aria-hidden", "true");
    this.line = document.createElementNS(NAMESPACE, "polygon");
    this.node.append(this.line);
  }

  /** @param {boolean} isOn */
  setOn(isOn) { this.isOn = isOn; }

  /** @param {number} pointer @param {number} left @param {number} top */
  begin(pointer, left, top) {
    this.pointer = pointer;
    this.path = [[left, top]];
    this.show();
  }

  // Whether this pointer draws.
  /** @param {number} pointer @param {number} left @param {number} top */
  extend(pointer, left, top) {
    if (pointer !== this.pointer) return false;
    const [lastLeft, lastTop] = this.path[this.path.length - 1];
    if (Math.hypot(left - lastLeft, top - lastTop) >= STEP_PX) { this.path.push([left, top]); this.show(); }
    return true;
  }

  /** @param {number} pointer @param {boolean} isDone */
  end(pointer, isDone) {
    if (pointer !== this.pointer) return;
    const { path } = this;
    this.pointer = null;
    this.path = [];
    this.show();
    if (isDone && path.length >= LEAST_CORNERS) this.onDrawn(path);
  }

  show() { this.line.setAttribute("points", this.path.map((corner) => corner.join(",")).join(" ")); }
}

// Whether a point is inside a polygon: a ray from it crosses the sides an odd number of times.
/** @param {number} x @param {number} y @param {Corner[]} corners */
export function isInside(x, y, corners) {
  let inside = false;
  for (let i = 0, j = corners.length - 1; i < corners.length; j = i++) {
    const [x1, y1] = corners[i], [x2, y2] = corners[j];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) inside = !inside;
  }
  return inside;
}
