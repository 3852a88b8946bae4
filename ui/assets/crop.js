// The example image; drag over it to search by a part. The region is in percent of the image's sides.

/** @import { StreamlitComponent } from "../components/types.d.ts" */
/** @typedef {[x: number, y: number, width: number, height: number]} Region */
/** @typedef {[x: number, y: number]} Place */

/** @param {StreamlitComponent<{ src: string, alt: string, region: Region | null }>} component */
export default function ({ data, parentElement, setTriggerValue }) {
  const /** @type {HTMLElement | null} */ box = parentElement.querySelector(".crop"), /** @type {HTMLElement | null} */ frame = parentElement.querySelector(".region");
  const image = parentElement.querySelector("img"), hint = parentElement.querySelector(".hint");
  if (!box || !frame || !image || !hint) return;
  image.alt = data.alt;
  if (image.getAttribute("src") !== data.src) image.src = data.src;
  hint.textContent = "Drag to search by a part of the image; press Esc to use all of it.";
  const show = (/** @type {Region | null} */ region) => {
    frame.hidden = !region;
    if (!region) return;
    const [x, y, width, height] = region;
    Object.assign(frame.style, { left: `${x}%`, top: `${y}%`, width: `${width}%`, height: `${height}%` });
  };
  show(data.region);
  /** @param {PointerEvent} event @returns {Place} */
  const positionOf = (event) => {
    const bounds = box.getBoundingClientRect();
    const clamp = (/** @type {number} */ value) => Math.min(100, Math.max(0, value));
    return [clamp(100 * (event.clientX - bounds.left) / bounds.width), clamp(100 * (event.clientY - bounds.top) / bounds.height)];
  };
  const tenth = (/** @type {number} */ value) => +value.toFixed(1);
  /** @param {Place} one @param {Place} other @returns {Region} */
  const between = ([a, b], [c, d]) => [tenth(Math.min(a, c)), tenth(Math.min(b, d)), tenth(Math.abs(a - c)), tenth(Math.abs(b - d))];
  const setRegion = (/** @type {Region | null} */ region) => { show(region); setTriggerValue("drawn", region ?? []); };
  box.onpointerdown = (event) => {
    const start = positionOf(event);
    box.setPointerCapture(event.pointerId);
    box.onpointermove = (move) => show(between(start, positionOf(move)));
    box.onpointerup = (up) => {
      box.onpointermove = box.onpointerup = null;
      const region = between(start, positionOf(up));
      setRegion(region[2] >= 4 && region[3] >= 4 ? region : null); // smaller is a click
    };
  };
  box.onkeydown = (event) => { if (event.key === "Escape") setRegion(null); };
}
