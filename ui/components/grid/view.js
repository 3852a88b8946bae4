// How photos look in all grids: one choice, kept by the browser.

import { rowsOfShapes, squares } from "./layout.js";

/** @import { Tiling } from "./layout.js" */

/**
 * `size` is the place in ROWS_PX of the height of rows. Photos have their own shapes unless `squares`, and captions under the
 * mouse or with the focus unless `captioned`.
 * @typedef {{ size: number, squares: boolean, captioned: boolean, stacked: boolean }} View
 */

const VIEW = "imgsearch.view";
export const ROWS_PX = [120, 150, 190, 240, 300];
const USUAL_SIZE = 2;
const NARROW = 5.6; // on a narrow screen several photos still fit side by side

/** @returns {View} */
export function chosenView() {
  let kept = null;
  try { kept = JSON.parse(localStorage.getItem(VIEW) ?? "null"); } catch { /* private mode, or not ours */ }
  const { rowPx, squares, captioned, stacked } = kept ?? {}, size = ROWS_PX.indexOf(rowPx);
  return { size: size < 0 ? USUAL_SIZE : size, squares: squares === true, captioned: captioned === true, stacked: stacked === true };
}

/** @param {View} view */
export function keepView({ size, ...others }) {
  try { localStorage.setItem(VIEW, JSON.stringify({ rowPx: ROWS_PX[size], ...others })); } catch { /* private mode: for this view only */ }
}

// The rows of photos as they were chosen. `shapes` has the width of each photo in percent of its height.
/** @param {View} view @param {number} width @param {ArrayLike<number>} shapes @returns {Tiling} */
export function tilingOf(view, width, shapes) {
  const px = ROWS_PX[view.size], desired = Math.min(px, px / NARROW * innerWidth / 100);
  return view.squares ? squares(width, desired) : rowsOfShapes(width, desired, shapes);
}
