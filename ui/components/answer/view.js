// How photos of answers look: one choice for all of them, kept by the browser.

/** @typedef {{ size: number, shape: "square" | "fit", captions: boolean, stacked: boolean }} View: the place of its size in ROWS_PX */

const VIEW = "imgsearch.view";
export const ROWS_PX = [120, 190, 300]; // sizes of tiles
/** @type {Record<View["shape"], [icon: string, label: string]>} */
export const SHAPES = { square: ["crop_square", "Square"], fit: ["crop_free", "Uncropped"] }; // icon and label

/** @returns {View} */
export function chosenView() {
  let kept = null;
  try { kept = JSON.parse(localStorage.getItem(VIEW) ?? "null"); } catch { /* private mode, or not ours */ }
  const { size, shape, captions, stacked } = kept ?? {};
  return { size: ROWS_PX[size] ? size : 1, shape: shape === "fit" ? "fit" : "square", captions: captions !== false, stacked: stacked === true };
}

/** @param {View} view */
export function keepView(view) {
  try { localStorage.setItem(VIEW, JSON.stringify(view)); } catch { /* private mode: for this view only */ }
}
