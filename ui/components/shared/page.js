// What the components do with the page around them.

const MIN_HEIGHT_PX = 320, MIN_SHARE = .55, MARGIN_PX = 6; // to the lower edge of the window
const BAR_PX = 58; // the bar with the views on narrow screens (shell.css)

// Makes an element as high as the window allows where the page is not scrolled.
export function fillWindow(box) {
  const scrolled = document.querySelector('[data-testid="stMain"]')?.scrollTop ?? 0;
  const top = Math.max(0, box.getBoundingClientRect().top + scrolled);
  const bar = matchMedia("(max-width: 640px)").matches ? BAR_PX : 0;
  box.style.height = `${Math.max(MIN_HEIGHT_PX, MIN_SHARE * innerHeight, innerHeight - top - bar - MARGIN_PX)}px`;
}

// Whether a key is typed into a field.
export function isTyping(event) {
  const target = event.composedPath()[0];
  return target.isContentEditable || Boolean(target.matches?.("input:not([type=checkbox]), textarea, select"));
}
