// What the components do with the page around them.

import { innermost } from "./dom.js";

/** @import { Part, StreamlitComponent } from "../types.d.ts" */

const MIN_HEIGHT_PX = 320, MIN_SHARE = .55, MARGIN_PX = 6; // to the lower edge of the window
const BAR_PX = 58, SELECTION_PX = 52; // the bars with the views and of the selection on narrow screens (shell.css)

// What the module of a component exports: it keeps one object of a class in its element. The object is made with the element
// and the data, and has the methods `update` (data, Streamlit's object) and `close`.
/** @template Data @param {new (box: HTMLElement, data: Data) => Part<Data>} Kind @returns {(box: HTMLElement, component: StreamlitComponent<Data>) => () => void} */
export function mount(Kind) {
  /** @param {HTMLElement & { view?: Part<Data> | null }} box @param {StreamlitComponent<Data>} component */
  return (box, component) => {
    box.view ??= new Kind(box, component.data);
    box.view.update(component.data, component);
    // The element of an earlier run stays; it is gone only when the view changes.
    return () => queueMicrotask(() => { if (!box.isConnected) { box.view?.close(); box.view = null; } });
  };
}

// Makes an element as high as the area of the page allows where it is not scrolled. `resize` of the window says that the
// area may have another height.
/** @param {HTMLElement} box */
export function fillWindow(box) {
  const area = document.querySelector('[data-testid="stMain"]'), end = area?.getBoundingClientRect().bottom ?? innerHeight;
  const top = Math.max(0, box.getBoundingClientRect().top + (area?.scrollTop ?? 0));
  const isSelecting = document.documentElement.classList.contains("imgsearch-selecting");
  const bar = matchMedia("(max-width: 767px)").matches ? BAR_PX + (isSelecting ? SELECTION_PX : 0) : 0;
  box.style.height = `${Math.max(MIN_HEIGHT_PX, MIN_SHARE * innerHeight, end - top - bar - MARGIN_PX)}px`;
}

// Whether an element is on a dark page: its text is light.
/** @param {Element} node */
export function isDark(node) {
  const [red = 0, green = 0, blue = 0] = (getComputedStyle(node).color.match(/[\d.]+/g) ?? []).map(Number);
  return red + green + blue > 384;
}

// Whether the script of the page runs, as far as the browser has heard.
export const isScriptRunning = () => document.querySelector('[data-test-script-state="running"]') !== null;

// Whether a key is typed into a field.
/** @param {Event} event */
export function isTyping(event) {
  const target = innermost(event);
  return target instanceof HTMLElement && (target.isContentEditable || target.matches("input:not([type=checkbox]), textarea, select"));
}
