// Draws points into the pixels of a canvas. Setting 100,000 small discs in an array and sending it once is faster than
// any call for each of them, and needs no graphics card.

/** @import { Plane } from "./plane.js" */
/** @typedef {ArrayLike<number>} Numbers */
/** @typedef {{ background: number, dim: number, selected: number, bright: number[] }} Colours: numbers of 32 bits (see `colourOf`) */

export const DIM = 0, BRIGHT = 1, SELECTED = 2; // the states of a point
const MOST_RATIO = 2; // device pixels for each of the page: more cost time, and show no more

export class PointCanvas {
  /** @type {Numbers} */ x = [];
  /** @type {Numbers} */ y = [];
  /** @type {Numbers} */ colour = [];
  /** @type {Numbers} */ states = [];
  /** @type {Numbers} */ order = [];
  /** @type {ImageData | null} */ image = null;
  pixels = new Uint32Array(0);
  ratio = 1;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
  }

  // Places in the unit square, and the number of a colour for each.
  /** @param {Numbers} x @param {Numbers} y @param {Numbers} colour */
  setPoints(x, y, colour) {
    Object.assign(this, { x, y, colour });
    this.setStates(new Uint8Array(x.length).fill(BRIGHT));
  }

  // Dim points are drawn first, and selected ones last.
  /** @param {Numbers} states */
  setStates(states) {
    this.states = states;
    const order = this.order = new Uint32Array(states.length);
    let place = 0;
    for (let state = DIM; state <= SELECTED; state++) {
      for (let i = 0; i < states.length; i++) if (states[i] === state) order[place++] = i;
    }
  }

  /** @param {number} width @param {number} height */
  resize(width, height) {
    this.ratio = Math.min(MOST_RATIO, window.devicePixelRatio || 1);
    const columns = Math.max(1, Math.round(width * this.ratio)), rows = Math.max(1, Math.round(height * this.ratio));
    if (!this.context || (this.image?.width === columns && this.image.height === rows)) return;
    Object.assign(this.canvas, { width: columns, height: rows });
    this.image = this.context.createImageData(columns, rows);
    this.pixels = new Uint32Array(this.image.data.buffer);
  }

  /** @param {Plane} plane @param {Colours} colours */
  draw(plane, colours) {
    const { pixels, x, y, colour, states, order, ratio, image, context } = this;
    if (!image || !context) return;
    const columns = image.width, rows = image.height;
    pixels.fill(colours.background);
    const scale = plane.scale * ratio, left = plane.screenX(0) * ratio, top = plane.screenY(0) * ratio;
    const small = radiusAt(plane.zoom, this.x.length) * ratio, discs = [discOf(small * .8), discOf(small), discOf(small + 1.5 * ratio)];
    const bright = colours.bright, count = bright.length;
    for (let k = 0; k < order.length; k++) {
      const i = order[k], state = states[i], { reach, spans } = discs[state];
      const column = (left + x[i] * scale) | 0, row = (top + y[i] * scale) | 0;
      if (column < reach || row < reach || column >= columns - reach || row >= rows - reach) continue;
      const value = state === DIM ? colours.dim : state === SELECTED ? colours.selected : bright[colour[i] % count];
      for (let down = -reach; down <= reach; down++) {
        const middle = (row + down) * columns + column, half = spans[down + reach];
        for (let at = middle - half; at <= middle + half; at++) pixels[at] = value;
      }
    }
    context.putImageData(image, 0, 0);
  }
}

// The radius of a point in pixels of the page: larger where there are few, and where the map is close.
/** @param {number} zoom @param {number} count */
function radiusAt(zoom, count) {
  const many = count > 20_000 ? .6 : count > 2_000 ? 1.2 : 2.5;
  return Math.min(6, many + Math.max(0, zoom) * .5);
}

// A disc as the half widths of its rows.
/** @param {number} radius */
export function discOf(radius) {
  const reach = Math.max(0, Math.floor(radius)), spans = [];
  for (let down = -reach; down <= reach; down++) spans.push(Math.floor(Math.sqrt(Math.max(0, (radius + .3) ** 2 - down ** 2))));
  return { reach: Math.max(reach, ...spans), spans: padded(spans, reach) };
}

/** @param {number[]} spans @param {number} reach */
function padded(spans, reach) {
  const widest = Math.max(reach, ...spans);
  const empty = Array.from({ length: widest - reach }, () => -1); // a row without a pixel
  return [...empty, ...spans, ...empty];
}

// "#12ab9f" as the bytes of a pixel, whose order is that of all processors that browsers run on.
/** @param {string} text */
export function colourOf(text) {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
  return (255 << 24 | blue << 16 | green << 8 | red) >>> 0;
}
