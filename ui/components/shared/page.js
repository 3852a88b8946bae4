// What the components do with the page around them.

const MIN_HEIGHT_PX = 320, MARGIN_PX = 6; // to the lower edge of the window

// Makes an element as high as the window allows.
export function fillWindow(box) {
  const top = Math.max(0, box.getBoundingClientRect().top);
  box.style.height = `${Math.max(MIN_HEIGHT_PX, innerHeight - top - MARGIN_PX)}px`;
}
