// One large picture. If it cannot be made, for instance because a drive is not connected, the small
// thumbnail is shown, and if there is none, a text. The arrow keys go to the neighbouring results.
export default function ({ data, parentElement, setTriggerValue }) {
  const frame = parentElement.querySelector(".frame");
  if (frame.source !== data.src) {
    frame.source = data.src;
    const image = document.createElement("img");
    image.alt = data.alt;
    image.src = data.src;
    image.onerror = () => {
      if (image.getAttribute("src") !== data.small) { image.src = data.small; return; }
      const notice = document.createElement("p");
      notice.textContent = data.unavailable;
      frame.replaceChildren(notice);
    };
    frame.replaceChildren(image);
  }
  const onKey = (event) => {
    if (event.target.closest?.("input, textarea, select, [role=slider], [role=tab]")) return;
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) setTriggerValue("step", step);
  };
  document.addEventListener("keydown", onKey);
  return () => document.removeEventListener("keydown", onKey);
}
