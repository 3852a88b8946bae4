// How photos of answers look: one choice for all of them, kept by the browser.

const VIEW = "imgsearch.view";
export const ROWS_PX = [120, 190, 300]; // sizes of tiles
export const SHAPES = { square: ["crop_square", "Square"], fit: ["crop_free", "Uncropped"] }; // icon and label

export function chosenView() {
  try {
    const { size, shape, captions, stacked } = JSON.parse(localStorage.getItem(VIEW));
    return { size: ROWS_PX[size] ? size : 1, shape: SHAPES[shape] ? shape : "square", captions: captions !== false, stacked: stacked === true };
  } catch { return { size: 1, shape: "square", captions: true, stacked: false }; }
}

export function keepView(view) {
  try { localStorage.setItem(VIEW, JSON.stringify(view)); } catch { /* private mode: for this view only */ }
}
