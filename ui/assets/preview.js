// One large picture, or the small one where no large one can be made now, as on a drive that is
// unplugged; the arrow keys go to its neighbours among the results.
export default function ({ data, parentElement, setTriggerValue }) {
  const frame = parentElement.querySelector(".frame");
  if (frame.source !== data.src) {
    frame.source = data.src;
    const image = document.createElement("img");
    image.alt = data.alt;
    image.src = data.src;
    image.onerror = () => {
      if (image.getAttribute("src") !== data.small) { image.src = data.small; return; }
      const words = document.createElement("p");
      words.textContent = data.missing;
      frame.replaceChildren(words);
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
