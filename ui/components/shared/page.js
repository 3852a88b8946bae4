// What the components do with the page around them.

const MIN_HEIGHT_PX = 320, MARGIN_PX = 6; // to the lower edge of the window
const BAR_PX = 58; // the bar with the views on narrow screens (shell.css)

// Makes an element as high as the window allows.
export function fillWindow(box) {
  const top = Math.max(0, box.getBoundingClientRect().top);
  const bar = matchMedia("(max-width: 640px)").matches ? BAR_PX : 0;
  box.style.height = `${Math.max(MIN_HEIGHT_PX, innerHeight - top - bar - MARGIN_PX)}px`;
}
