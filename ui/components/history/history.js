// One entry of the browser's history for each view, and the way back to the same place in it.
// A module of `ui/components` imports them; they come before the scripts in `ui/assets` (ui/elements.py).

// Streamlit shows the view of an address when the browser goes back or forward to it. So a new entry
// is added first, and then announced in the same way.
/** @param {string} address */
export function visit(address) {
  if (address === location.pathname + location.search) return;
  const { pathname, searchParams } = new URL(address, location.origin), opened = pathname === PHOTO ? searchParams.get("id") : null;
  history.pushState({ cameFrom: location.pathname, opened }, "", address);
  announce();
  if (opened) awaitPhoto();
}

// The view of a photo comes when the server has answered. Until then, Esc turns back.
export const PHOTO = "/photo"; // the path of that view
let stopAwaiting = () => {};

function awaitPhoto() {
  stopAwaiting();
  /** @param {KeyboardEvent} event */
  const onKey = (event) => {
    if (event.key !== "Escape" || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // it belongs to the photo: it does not end the selection in the grid
    stopAwaiting();
    history.back();
  };
  const onPop = () => { if (location.pathname !== PHOTO) stopAwaiting(); };
  addEventListener("keydown", onKey, { capture: true });
  addEventListener("popstate", onPop);
  stopAwaiting = () => {
    removeEventListener("keydown", onKey, { capture: true });
    removeEventListener("popstate", onPop);
  };
}

// To be called by the view of a photo, which takes the keys from then on.
export function photoHasCome() { stopAwaiting(); }

// The photo that the entry of a photo was opened with: the arrow keys exchange its address.
export const openedPhoto = () => history.state?.opened ?? null;

// To be called when the browser has gone back from the view of a photo: the entry that it came to remembers
// which photo was seen last, if the place in it is that of the photo that was opened.
/** @param {string | null} opened @param {string} seen */
export function rememberSeen(opened, seen) {
  const place = history.state?.place;
  if (place && opened && String(place.id) === opened) history.replaceState({ ...history.state, place: { ...place, seen } }, "");
}

// The path and the parameters of an address, whatever their order and their form.
/** @param {string} address */
export function normalized(address) {
  const url = new URL(address, location.origin);
  url.searchParams.sort();
  return `${url.pathname}?${url.searchParams}`;
}

// Remembers in the entry of the history which tile is at the top of the window, and comes back to it.
// Call `update` at each run: `tiles` maps ids to elements, and `address` is that of the view. Returns
// an object with `update`, `save` and `close`. For grids that scroll with the page.
const SAVE_AFTER_MS = 250; // browsers limit how often an entry may be changed
const SETTLE_MS = 1500; // while what is above the grid may still change its height
const ABOVE_PX = 80, BELOW_PX = 80; // what bars may cover

export function placeInHistory() {
  const area = document.querySelector('[data-testid="stMain"]') ?? document.scrollingElement ?? document.documentElement;
  /** @type {Map<string, HTMLElement>} */
  let tiles = new Map();
  let address = "", mustReturn = true, isReturning = false, timer = 0;
  const isShown = () => normalized(location.href) === normalized(address);
  /** @param {Element} node */
  const topOf = (node) => node.getBoundingClientRect().top - area.getBoundingClientRect().top;
  /** @param {string | null} [id] */
  const save = (id = firstInSight()) => {
    clearTimeout(timer);
    const node = id === null ? null : tiles.get(id);
    if (!node || !isShown()) return;
    const place = { id, top: Math.round(topOf(node)) };
    history.replaceState({ ...history.state, place }, "");
  };
  const firstInSight = () => {
    for (const [id, node] of tiles) if (node.getBoundingClientRect().bottom > area.getBoundingClientRect().top + 60) return id;
    return null;
  };
  const onScroll = () => {
    clearTimeout(timer);
    if (!isReturning) timer = setTimeout(save, SAVE_AFTER_MS);
  };
  const stop = () => { isReturning = false; };
  const goBack = () => {
    const place = isShown() ? history.state?.place : null;
    if (!place) { mustReturn = !isShown(); return; }
    mustReturn = false;
    const node = tiles.get(place.id);
    if (!node) return;
    isReturning = true;
    const seen = tiles.get(place.seen) ?? node; // the arrow keys went there from the photo that was opened
    seen.querySelector("a")?.focus({ preventScroll: true });
    const lowest = area.clientHeight - seen.offsetHeight - BELOW_PX;
    const top = seen === node ? place.top : Math.max(ABOVE_PX, Math.min(place.top + topOf(seen) - topOf(node), lowest));
    const until = performance.now() + SETTLE_MS;
    const hold = () => {
      if (!isReturning || !seen.isConnected || !isShown()) return;
      const shift = topOf(seen) - top;
      if (Math.abs(shift) > 1) area.scrollTop += shift;
      if (performance.now() < until) requestAnimationFrame(hold); else isReturning = false;
    };
    hold();
  };
  const onPop = () => { mustReturn = true; stop(); };
  const own = ["wheel", "touchstart", "pointerdown", "keydown"];
  area.addEventListener("scroll", onScroll, { passive: true });
  addEventListener("popstate", onPop);
  for (const kind of own) addEventListener(kind, stop, { passive: true, capture: true });
  return {
    /** @param {{ tiles: Map<string, HTMLElement>, address: string }} now */
    update(now) {
      ({ tiles, address } = now);
      if (mustReturn) goBack();
    },
    save,
    close() {
      clearTimeout(timer);
      area.removeEventListener("scroll", onScroll);
      removeEventListener("popstate", onPop);
      for (const kind of own) removeEventListener(kind, stop, { capture: true });
    },
  };
}

// Shows another address in place of the present one, without an entry of its own. The view follows
// when `announce` is called; what depends on the photo that is shown listens to PHOTO_CHANGE.
export const PHOTO_CHANGE = "imgsearch-photo-change";

/** @param {string} address */
export function exchange(address) {
  history.replaceState({ ...history.state, place: undefined }, "", address);
  dispatchEvent(new Event(PHOTO_CHANGE));
}

// Has Streamlit show the view of the address. Of several requests that follow each other quickly, the first one and the
// last one are made: nobody waits for the others.
const PAUSE_MS = 250;
let announcing = 0, announcedAt = -Infinity;

export function announce() {
  const waitMs = announcedAt + PAUSE_MS - performance.now();
  clearTimeout(announcing);
  if (waitMs > 0) announcing = setTimeout(tellOfAddress, waitMs); else tellOfAddress();
}

function tellOfAddress() {
  announcedAt = performance.now();
  dispatchEvent(new PopStateEvent("popstate", { state: history.state }));
}

// Goes back to where this view was opened from; to `address` if it was opened by its own address.
/** @param {string} address */
export function leave(address) {
  if (history.state?.cameFrom) history.back(); else visit(address);
}

// A click that asks for no new tab or window.
/** @param {MouseEvent} event */
export const isPlainClick = (event) => !(event.ctrlKey || event.metaKey || event.shiftKey || event.button);
