// One photo of a list: its picture, and links to the neighbours, the results and similar photos.
export default function ({ data, parentElement }) {
  const box = parentElement.querySelector(".viewer"), frame = box.querySelector(".frame");
  const state = (box.state ??= { shown: null });
  state.data = data;
  show(frame, state, data.photos[data.index], data.unavailable);

  const links = {
    results: { text: "← Results", address: data.results, open: () => leave(data.results) },
    previous: { text: "‹ Previous", address: data.photos[data.index - 1]?.address, open: () => step(-1) },
    next: { text: "Next ›", address: data.photos[data.index + 1]?.address, open: () => step(1) },
    similar: { text: "Find similar", address: data.similar, open: () => visit(data.similar) },
  };
  for (const [name, { text, address, open }] of Object.entries(links)) {
    const link = box.querySelector(`.${name}`);
    link.textContent = text;
    link.hidden = !address;
    if (address) link.href = address; else link.removeAttribute("href");
    link.onclick = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      open();
    };
  }
  box.querySelector(".position").textContent = data.position;

  function step(by) {
    const photo = data.photos[data.index + by];
    if (!photo) return;
    show(frame, state, photo, data.unavailable);
    exchange(photo.address);
  }
  state.step = step;
  if (!state.listening) {
    state.listening = true;
    const onKey = (event) => {
      if (!box.isConnected) { document.removeEventListener("keydown", onKey); return; }
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
      if (event.key === "ArrowLeft") state.step(-1);
      else if (event.key === "ArrowRight") state.step(1);
      else if (event.key === "Escape") leave(state.data.results);
    };
    document.addEventListener("keydown", onKey);
  }
}

// Whether the key belongs to an element that uses it itself.
function isTyping(event) {
  const target = event.composedPath()[0];
  return Boolean(target.closest?.("input, textarea, select, [role=slider], [role=tab], [role=dialog], [contenteditable]"));
}

// If the picture cannot be made, for instance because a drive is not connected, the small one is
// shown, and if there is none, a text.
function show(frame, state, photo, unavailable) {
  if (state.shown === photo.large) return;
  state.shown = photo.large;
  const image = document.createElement("img");
  image.alt = photo.alt;
  image.src = photo.large;
  image.onerror = () => {
    if (image.getAttribute("src") !== photo.small) { image.src = photo.small; return; }
    const notice = document.createElement("p");
    notice.textContent = unavailable;
    frame.replaceChildren(notice);
  };
  frame.replaceChildren(image);
}
