// Thumbnails with a checkbox each. All text is put in as text, never as HTML: names are hostile.
export default function (component) {
  const { data, parentElement, setStateValue, setTriggerValue } = component;
  const box = parentElement.querySelector(".grid");
  const memory = (box.memory ??= { tiles: new Map(), picked: new Set(), last: null });
  box.className = `grid ${data.layout}`;
  // On a narrow screen two photos still fit side by side.
  box.style.setProperty("--row", `min(${data.row_px}px, ${data.row_px / 5.6}vw)`);

  if (memory.token !== data.token) {
    memory.token = data.token;
    memory.picked = new Set(data.picked);
    memory.last = null;
  }

  const order = data.tiles.map((tile) => tile.id);
  const show = () => {
    box.classList.toggle("picking", memory.picked.size > 0);
    for (const [id, node] of memory.tiles) {
      node.classList.toggle("picked", memory.picked.has(id));
      const pick = node.querySelector(".pick");
      if (pick) pick.checked = memory.picked.has(id);
    }
  };
  const tell = () => { show(); setStateValue("picked", [...memory.picked]); };
  const choose = (id, on, whole_range) => {
    const from = order.indexOf(memory.last), to = order.indexOf(id);
    const ids = whole_range && from >= 0
      ? order.slice(Math.min(from, to), Math.max(from, to) + 1) : [id];
    for (const each of ids) on ? memory.picked.add(each) : memory.picked.delete(each);
    memory.last = id;
    tell();
  };

  const nodes = data.tiles.map((tile) => {
    const known = memory.tiles.get(tile.id);
    const node = known ?? make(tile);
    dress(node, tile);
    memory.tiles.set(tile.id, node);
    const pick = node.querySelector(".pick");
    pick.hidden = !data.pickable;
    pick.onclick = (event) => choose(tile.id, pick.checked, event.shiftKey);
    const link = node.querySelector("a");
    link.onclick = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      setTriggerValue("opened", tile.id);
    };
    return node;
  });
  for (const id of memory.tiles.keys()) if (!order.includes(id)) memory.tiles.delete(id);
  if (data.more) nodes.push(moreButton(data, setTriggerValue));
  box.replaceChildren(...nodes);
  show();

  box.onkeydown = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === "Escape" && memory.picked.size) { memory.picked.clear(); tell(); }
    if (!step) return;
    const links = [...box.querySelectorAll(".tile a")];
    const root = box.getRootNode();
    const at = links.indexOf(root.activeElement);
    if (at >= 0 && links[at + step]) { links[at + step].focus(); event.preventDefault(); }
  };
}

function make(tile) {
  const node = element("figure", "tile");
  const link = element("a");
  const image = element("img");
  image.loading = "lazy";
  image.decoding = "async";
  image.onerror = () => {
    const nothing = element("div", "nothing");
    nothing.textContent = "No picture can be made of this photo now";
    image.replaceWith(nothing);
  };
  link.append(image);
  const pick = element("input", "pick");
  pick.type = "checkbox";
  node.append(link, pick, element("figcaption", "words"));
  return node;
}

function dress(node, tile) {
  const ratio = Math.min(Math.max(tile.width / tile.height, 0.45), 3.2);
  node.style.setProperty("--ratio", ratio.toFixed(3));
  node.classList.toggle("weak", tile.level === "weak");
  const link = node.querySelector("a");
  link.href = tile.link;
  const image = node.querySelector("img");
  if (image && image.getAttribute("src") !== tile.src) image.src = tile.src;
  if (image) image.alt = tile.alt;
  link.setAttribute("aria-label", tile.alt);
  node.querySelector(".pick").setAttribute("aria-label", `Select ${tile.alt}`);
  const words = node.querySelector(".words");
  const first = element("div", "first"), second = element("div", "second");
  for (const text of [tile.title, tile.score]) {
    const span = element("span");
    span.textContent = text;
    first.append(span);
  }
  second.textContent = tile.subtitle;
  words.replaceChildren(first, second);
  for (const badge of node.querySelectorAll(".badge")) badge.remove();
  for (const [kind, text] of tile.badges) {
    const badge = element("span", `badge ${kind}`);
    badge.textContent = text;
    node.append(badge);
  }
}

function moreButton(data, setTriggerValue) {
  const more = element("div", "more");
  const button = element("button");
  button.type = "button";
  button.textContent = data.more;
  const ask = () => { button.disabled = true; setTriggerValue("more", data.tiles.length); };
  button.onclick = ask;
  more.append(button);
  if (data.scroll) {
    const watch = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) { watch.disconnect(); ask(); }
    }, { rootMargin: "600px" });
    watch.observe(more);
  }
  return more;
}

function element(name, kind) {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  return made;
}
