// Thumbnails, each with a checkbox. Text is inserted as text, never as HTML: file names are untrusted.
export default function (component) {
  const { data, parentElement, setStateValue, setTriggerValue } = component;
  const box = parentElement.querySelector(".grid");
  const state = (box.state ??= { tiles: new Map(), selected: new Set(), last: null });
  state.place ??= placeInHistory(box);
  showHead(parentElement, box, data);

  if (state.token !== data.token) {
    state.token = data.token;
    state.selected = new Set(data.selected);
    state.last = null;
  }

  const ids = data.tiles.map((tile) => tile.id);
  const showSelection = () => {
    box.classList.toggle("selecting", state.selected.size > 0);
    for (const [id, node] of state.tiles) {
      const isSelected = state.selected.has(id);
      node.classList.toggle("selected", isSelected);
      node.querySelector(".select").checked = isSelected;
    }
  };
  const selectionChanged = () => { showSelection(); setStateValue("selected", [...state.selected]); };
  const select = (id, on, wholeRange) => {
    const from = ids.indexOf(state.last), to = ids.indexOf(id);
    const range = wholeRange && from >= 0
      ? ids.slice(Math.min(from, to), Math.max(from, to) + 1) : [id];
    for (const member of range) on ? state.selected.add(member) : state.selected.delete(member);
    state.last = id;
    selectionChanged();
  };

  const nodes = data.tiles.map((tile) => {
    const node = state.tiles.get(tile.id) ?? createTile();
    updateTile(node, tile);
    state.tiles.set(tile.id, node);
    const checkbox = node.querySelector(".select");
    checkbox.hidden = !data.selectable;
    checkbox.onclick = (event) => select(tile.id, checkbox.checked, event.shiftKey);
    node.querySelector("a").onclick = (event) => {
      if (!isPlainClick(event)) return;
      event.preventDefault();
      state.place.save(tile.id);
      visit(tile.link);
    };
    return node;
  });
  for (const id of state.tiles.keys()) if (!ids.includes(id)) state.tiles.delete(id);
  if (data.more) nodes.push(createMoreButton(data, setTriggerValue));
  box.replaceChildren(...nodes);
  showSelection();
  const byId = new Map(data.tiles.map((tile) => [tile.id, state.tiles.get(tile.id)]));
  const load = data.more ? (count) => setTriggerValue("more", count) : null;
  state.place.update({ tiles: byId, address: data.address, load });

  box.onkeydown = (event) => {
    if (event.key === "Escape" && state.selected.size) { state.selected.clear(); selectionChanged(); }
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const links = [...box.querySelectorAll(".tile a")];
    const focused = links.indexOf(box.getRootNode().activeElement);
    if (focused >= 0 && links[focused + step]) { links[focused + step].focus(); event.preventDefault(); }
  };
  return () => { if (!box.isConnected) { state.place.close(); state.place = null; } };
}

// One size and shape for all views, kept by the browser.
const ROWS_PX = [120, 190, 300], VIEW = "imgsearch.view";
const SHAPES = { fit: ["crop_free", "Uncropped"], square: ["crop_square", "Square"] };

function chosenView() {
  try {
    const { size, shape } = JSON.parse(localStorage.getItem(VIEW));
    return { size: ROWS_PX[size] ? size : 1, shape: SHAPES[shape] ? shape : "fit" };
  } catch { return { size: 1, shape: "fit" }; }
}

function showHead(parent, box, data) {
  const view = chosenView();
  const rowPx = data.row_px ?? ROWS_PX[view.size];
  box.className = `grid ${data.row_px ? "fit" : view.shape}`;
  // On a narrow screen two photos still fit side by side.
  box.style.setProperty("--row", `min(${rowPx}px, ${rowPx / 5.6}vw)`);
  const head = parent.querySelector(".head"), [first, rest] = data.heading;
  head.hidden = !first;
  const text = head.querySelector(".text");
  if (text.dataset.shown !== `${first} ${rest}`) { // a live region is read out when it changes
    text.dataset.shown = `${first} ${rest}`;
    const bold = element("h2");
    bold.textContent = first;
    text.replaceChildren(bold, ` ${rest}`);
  }
  const choose = (change) => {
    const next = { ...view, ...change };
    try { localStorage.setItem(VIEW, JSON.stringify(next)); } catch { /* private mode: for this view only */ }
    showHead(parent, box, data);
  };
  const other = view.shape === "fit" ? "square" : "fit";
  const buttons = [
    ["remove", "Smaller", () => choose({ size: view.size - 1 }), view.size === 0],
    ["add", "Larger", () => choose({ size: view.size + 1 }), view.size === ROWS_PX.length - 1],
    [...SHAPES[other], () => choose({ shape: other }), false],
  ].map(([icon, label, act, isDisabled]) => {
    const button = withIcon(element("button"), icon, label);
    Object.assign(button, { type: "button", disabled: isDisabled, onclick: act });
    return button;
  });
  buttons[2].className = "shape";
  const links = data.other_views.map(([icon, label, address]) => {
    const link = withIcon(element("a"), icon, label);
    link.href = address;
    link.onclick = (event) => { if (isPlainClick(event)) { event.preventDefault(); visit(address); } };
    return link;
  });
  head.querySelector(".view").replaceChildren(...links, ...buttons);
}

function withIcon(node, icon, label) {
  const picture = element("span", "icon");
  picture.ariaHidden = "true";
  picture.textContent = icon;
  node.ariaLabel = node.title = label;
  node.append(picture);
  return node;
}

function createTile() {
  const node = element("figure", "tile");
  const link = element("a");
  const image = element("img");
  image.loading = "lazy";
  image.decoding = "async";
  image.onerror = () => {
    const notice = element("div", "no-preview");
    notice.textContent = "No preview available";
    image.replaceWith(notice);
  };
  link.append(image);
  const checkbox = element("input", "select");
  checkbox.type = "checkbox";
  node.append(link, checkbox, element("figcaption", "caption"));
  return node;
}

function updateTile(node, tile) {
  const ratio = Math.min(Math.max(tile.width / tile.height, 0.45), 3.2);
  node.style.setProperty("--ratio", ratio.toFixed(3));
  node.classList.toggle("weak", tile.level === "weak");
  const link = node.querySelector("a");
  link.href = tile.link;
  link.setAttribute("aria-label", tile.alt);
  const image = node.querySelector("img");
  if (image && image.getAttribute("src") !== tile.src) image.src = tile.src;
  if (image) image.alt = tile.alt;
  node.querySelector(".select").setAttribute("aria-label", `Select ${tile.alt}`);
  const first = element("div", "first"), second = element("div", "second");
  for (const text of [tile.title, tile.score]) {
    const span = element("span");
    span.textContent = text;
    first.append(span);
  }
  second.textContent = tile.subtitle;
  node.querySelector(".caption").replaceChildren(first, second);
  for (const badge of node.querySelectorAll(".badge")) badge.remove();
  for (const [kind, text] of tile.badges) {
    const badge = element("span", `badge ${kind}`);
    badge.textContent = text;
    node.append(badge);
  }
}

function createMoreButton(data, setTriggerValue) {
  const more = element("div", "more");
  const button = element("button");
  button.type = "button";
  button.textContent = data.more;
  const load = () => { button.disabled = true; setTriggerValue("more", data.tiles.length + 1); };
  button.onclick = load;
  more.append(button);
  if (data.scroll) {
    const observer = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) { observer.disconnect(); load(); }
    }, { rootMargin: "600px" });
    observer.observe(more);
  }
  return more;
}

function element(tag, className) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  return node;
}
