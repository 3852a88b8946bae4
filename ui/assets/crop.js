// The example image; drag over it to search by a part. The region is in percent of its sides.
export default function ({ data, parentElement, setStateValue }) {
  const box = parentElement.querySelector(".crop"), part = parentElement.querySelector(".part");
  const image = parentElement.querySelector("img"), hint = parentElement.querySelector(".hint");
  image.alt = data.alt;
  if (image.getAttribute("src") !== data.src) image.src = data.src;
  hint.textContent = "Drag over it to search by a part only; Esc takes the whole image again.";
  const show = (region) => {
    part.hidden = !region;
    if (!region) return;
    const [x, y, width, height] = region;
    Object.assign(part.style, { left: `${x}%`, top: `${y}%`, width: `${width}%`, height: `${height}%` });
  };
  if (box.token !== data.token) { box.token = data.token; box.region = data.region; }
  show(box.region);
  const at = (event) => {
    const frame = box.getBoundingClientRect();
    const limit = (value) => Math.min(100, Math.max(0, value));
    return [limit(100 * (event.clientX - frame.left) / frame.width), limit(100 * (event.clientY - frame.top) / frame.height)];
  };
  const between = ([a, b], [c, d]) => [Math.min(a, c), Math.min(b, d), Math.abs(a - c), Math.abs(b - d)].map((n) => +n.toFixed(1));
  const settle = (region) => { box.region = region; show(region); setStateValue("region", region); };
  box.onpointerdown = (event) => {
    const start = at(event);
    box.setPointerCapture(event.pointerId);
    box.onpointermove = (move) => show(between(start, at(move)));
    box.onpointerup = (up) => {
      box.onpointermove = box.onpointerup = null;
      const region = between(start, at(up));
      settle(region[2] >= 4 && region[3] >= 4 ? region : null);
    };
  };
  box.onkeydown = (event) => { if (event.key === "Escape") settle(null); };
}
