// The example image; drag over it to search by a part. The region is in percent of the image's sides.
export default function ({ data, parentElement, setTriggerValue }) {
  const box = parentElement.querySelector(".crop"), frame = parentElement.querySelector(".region");
  const image = parentElement.querySelector("img"), hint = parentElement.querySelector(".hint");
  image.alt = data.alt;
  if (image.getAttribute("src") !== data.src) image.src = data.src;
  hint.textContent = "Drag to search by a part of the image; press Esc to use all of it.";
  const show = (region) => {
    frame.hidden = !region;
    if (!region) return;
    const [x, y, width, height] = region;
    Object.assign(frame.style, { left: `${x}%`, top: `${y}%`, width: `${width}%`, height: `${height}%` });
  };
  show(data.region);
  const positionOf = (event) => {
    const bounds = box.getBoundingClientRect();
    const clamp = (value) => Math.min(100, Math.max(0, value));
    return [clamp(100 * (event.clientX - bounds.left) / bounds.width), clamp(100 * (event.clientY - bounds.top) / bounds.height)];
  };
  const between = ([a, b], [c, d]) => [Math.min(a, c), Math.min(b, d), Math.abs(a - c), Math.abs(b - d)].map((n) => +n.toFixed(1));
  const setRegion = (region) => { show(region); setTriggerValue("drawn", region ?? []); };
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
