// One photo of a list: its picture or player, links to its neighbours, all that can be done with it, and what is known of
// it. The neighbours are loaded ahead, so the arrow keys show them at once; Python follows with more of the list.

import { PHOTO, announce, exchange, isPlainClick, leave, normalized, openedPhoto, photoHasCome, rememberSeen, visit } from "../history/history.js";
import { NO_SERVER } from "../shared/ask.js";
import { closest, element, focusIn, innermost, setFirst } from "../shared/dom.js";
import { photoIsShown } from "../shared/opening.js";
import { fillWindow } from "../shared/page.js";
import { CHANGED, MARKED, modulesOf, tray } from "../shared/tray.js";
import { Details, remarksOf } from "./details.js";
import { pictureOf, preload } from "./media.js";

/** @import { Parameters, StreamlitComponent, StripModule, ViewerStrip } from "../types.d.ts" */
/** @import { FullView, How } from "./full.js" */
/** @import { Slide } from "./media.js" */
/**
 * A part of a list of photos, of which `first` is the place of the first slide, and `index` that of the photo to show.
 * `keeps` says whether marks are kept, `total` how many photos there are, `parts` are modules of features that draw parts of the
 * details, and `sections` are those of features among them, and `strip_modules` those that draw a strip below the photo. `map_address` is that of a map at a point: see ui/features.py.
 * @typedef {{ slides: Slide[], first: number, index: number, list: string, total: string, results: string, search: Parameters, keeps: boolean, has_files: boolean, has_desktop: boolean, map_address: string | null, parts: string[], strip_modules: string[], sections: { name: string, module: string, data: unknown }[] }} Data
 */

const FOLLOW_AFTER_MS = 150; // after the last step, so that a key held down does not queue up runs
const REMARK_AFTER_MS = 250; // that somebody stays at a photo
const AHEAD = [1, -1, 2];
const STARS = [1, 2, 3, 4, 5];
const UNKNOWN = 422; // the answer for a photo that the library does not have
const DETAILS = "imgsearch.details"; // in the storage of the browser: "1" where they are shown with the photo
const STRIP = "imgsearch.strip."; // before the key of a strip: "1" where it is shown below the photo
const MIN_FRAME_PX = 240, GAP_PX = 12; // as in viewer.css
const isNarrow = () => matchMedia("(max-width: 640px)").matches; // there they are in a sheet from below

/** @param {HTMLElement & { viewer?: Viewer | null }} box @param {StreamlitComponent<Data>} component */
export default function (box, { data, setTriggerValue }) {
  const askForm = (/** @type {string} */ name, /** @type {string} */ id) => setTriggerValue("form", `${name} ${id}`);
  box.viewer ??= new Viewer(box, data, askForm);
  box.viewer.update(data, askForm);
  return () => queueMicrotask(() => { if (!box.isConnected) { box.viewer?.close(); box.viewer = null; } });
}

class Viewer {
  remarkTimer = 0;
  remarked = "";

  /** @param {HTMLElement} box @param {Data} data @param {(name: string, id: string) => void} askForm */
  constructor(box, data, askForm) {
    this.box = box;
    this.data = data;
    this.askForm = askForm;
    /** @type {Slide[]} */
    this.slides = []; // by position in the list; those that Python has not sent are missing
    this.list = "";
    this.index = 0;
    this.shown = "";
    /** @type {FullView | null} */
    this.full = null; // the view that fills the window, while it is open
    this.timer = 0;
    /** @type {string | null} */
    this.opened = null; // the id of the photo that a click has opened; the keys go on from there
    this.frame = element("div", "frame");
    Object.assign(this.frame, { tabIndex: -1, role: "group" });
    this.position = element("span", "position");
    this.links = {
      results: this.link("arrow_back", "Results", () => leave(this.data.results)),
      previous: this.link("chevron_left", "Previous", () => this.step(-1)),
      next: this.link("chevron_right", "Next", () => this.step(1)),
      select: this.button("check_box_outline_blank", "Select", () => this.select()),
      favourite: this.button("♡", "Favourite", () => this.mark("f")),
      hide: this.button("visibility_off", "Hide", () => this.mark("h")),
      details: this.button("info", "Details", () => this.toggleDetails()),
      fill: this.button("fullscreen", "Full screen", () => this.fill({ screen: true })),
      slideshow: this.button("slideshow", "Slideshow", () => this.fill({ screen: true, playing: true })),
      moving: this.button("motion_photos_on", "Moving part", () => this.showMovingPart()),
      original: this.link("open_in_new", "Open the original"),
      download: this.link("download", "Download the original"),
      share: this.button("share", "Share", () => this.share()),
      copy: this.button("content_copy", "Copy the path", () => this.copyPath()),
      similar: this.link("image_search", "Find similar", () => visit(this.similarAddress())),
    };
    this.words = element("input", "but");
    Object.assign(this.words, { type: "text", placeholder: "but …", ariaLabel: "More like this, but …", autocomplete: "off" });
    this.words.title = "More like this, but with these words: in snow, -people";
    this.words.oninput = () => { this.links.similar.href = this.similarAddress(); };
    this.words.onkeydown = (event) => { if (event.key === "Enter" && !event.isComposing) visit(this.similarAddress()); };
    this.stars = element("span", "stars");
    Object.assign(this.stars, { role: "group", ariaLabel: "Stars" });
    for (const number of STARS) this.stars.append(this.button("☆", `${number} star${number === 1 ? "" : "s"}`, () => this.mark(String(number))));
    this.links.favourite.classList.add("favourite");
    this.links.original.onclick = (event) => { if (this.remarks.textContent) { event.preventDefault(); this.remarks.scrollIntoView(); } };
    this.links.download.onclick = (event) => { if (isPlainClick(event)) { event.preventDefault(); this.download(); } };
    this.links.original.target = "_blank";
    this.links.original.rel = "noopener";
    this.status = element("span", "status");
    this.status.role = "status";
    const bar = element("nav", "bar");
    bar.ariaLabel = "Photo";
    const { results, previous, next, ...others } = this.links;
    const actions = element("span", "actions");
    const { select, favourite, hide, similar, ...rest } = others;
    actions.append(select, favourite, this.stars, hide, ...Object.values(rest), this.words, similar);
    bar.append(results, previous, next, this.position, this.status, actions);
    const under = element("nav", "bar under"); // the photo, where the screen is narrow: there the thumb is
    under.ariaLabel = "Actions for the photo";
    this.details = new Details(data, (name, id) => this.askForm(name, id));
    const closeDetails = this.button("close", "Close the details", () => this.toggleDetails());
    closeDetails.classList.add("close-details");
    this.details.node.prepend(closeDetails);
    this.stage = element("div", "stage");
    this.below = element("div", "below");
    this.below.hidden = true;
    this.stage.append(this.frame, under, this.below, this.details.node);
    this.remarks = element("div", "remarks"); // why the file cannot be read now
    this.remarks.role = "status";
    /** @type {{ strip: ViewerStrip, button: HTMLButtonElement }[]} */
    this.stripButtons = []; // of features, once they have come
    box.replaceChildren(bar, this.remarks, this.stage);
    modulesOf(data.strip_modules).then((modules) => {
      for (const module of /** @type {StripModule[]} */ (modules)) this.addStrip(module.makeStrip());
    });
    this.links.details.classList.add("details");
    this.links.details.title = "Details (i)";
    this.fit = () => {
      const place = isNarrow() ? under : bar;
      under.hidden = place === bar;
      if (actions.parentElement !== place) place.append(actions);
      if (isNarrow()) this.frame.style.height = ""; else this.fillAboveStrips();
    };
    addEventListener("resize", this.fit);
    this.resized = new ResizeObserver(() => this.fit());
    this.resized.observe(bar); // its buttons may take one row or two
    this.showDetails(isStored(DETAILS));
    this.onKey = (/** @type {KeyboardEvent} */ event) => this.key(event);
    document.addEventListener("keydown", this.onKey);
    this.onPop = () => {
      if (location.pathname === PHOTO) return;
      this.full?.close();
      if (this.current) rememberSeen(this.opened, idOf(this.current));
    };
    addEventListener("popstate", this.onPop);
    this.follow = () => this.showMarks();
    for (const kind of [CHANGED, MARKED]) tray.addEventListener(kind, this.follow);
    this.listenForSwipes();
    photoHasCome();
    this.mustFocus = location.pathname === PHOTO;
  }

  get current() { return this.slides[this.index]; }

  /** @param {Data} data @param {(name: string, id: string) => void} askForm */
  update(data, askForm) {
    this.data = data;
    this.askForm = askForm;
    if (this.list !== data.list) { this.list = data.list; this.slides = []; }
    data.slides.forEach((slide, number) => { this.slides[data.first + number] = slide; });
    const asked = normalized(location.href);
    // A run for an earlier photo may end after a further step.
    if (!this.current || normalized(this.current.address) !== asked) this.index = data.index;
    if (location.pathname === PHOTO) this.opened = openedPhoto();
    this.show();
    photoIsShown(this.frame.querySelector("img"));
    this.full?.listGrew();
    if (this.mustFocus) this.focus();
    this.mustFocus = false;
  }

  // What had the focus, such as the tile of the photo, goes with its view.
  focus() { this.frame.focus({ preventScroll: true }); }

  show() {
    const { current, links } = this;
    links.results.href = this.data.results;
    for (const [link, by] of /** @type {const} */ ([[links.previous, -1], [links.next, 1]])) {
      const slide = this.slides[this.index + by];
      link.hidden = !slide;
      if (slide) link.href = slide.address;
    }
    links.similar.href = this.similarAddress();
    links.original.href = current.original;
    links.download.href = `${current.original}&download`;
    links.download.download = "";
    links.moving.hidden = !current.moving;
    this.position.textContent = this.data.total ? `${(this.index + 1).toLocaleString("en")} of ${this.data.total}` : "";
    const key = `${current.address} ${current.large}`;
    if (this.shown !== key) {
      this.shown = key;
      this.frame.replaceChildren(pictureOf(current));
      this.frame.ariaLabel = current.alt;
      this.remark([]);
    }
    clearTimeout(this.remarkTimer);
    this.remarkTimer = setTimeout(() => this.findRemarks(), REMARK_AFTER_MS);
    for (const by of AHEAD) preload(this.slides[this.index + by]);
    this.showMarks();
    this.describe();
    for (const { strip } of this.stripButtons) if (!strip.node.hidden) strip.show(current.id);
  }

  // Says why the file of the photo cannot be read, if it cannot, also while the details are not shown.
  async findRemarks() {
    const { current } = this, answer = await this.details.ask(current, this.data);
    if (this.current?.id !== current.id || !this.box.isConnected) return;
    if (answer?.ok) this.remark(remarksOf(answer.content, this.data.has_files));
    else this.remark(answer?.status === UNKNOWN ? [["question_mark", "The photo has left the library."]] : []);
  }

  // `remarks` are icons and sentences.
  /** @param {[icon: string, text: string][]} remarks */
  remark(remarks) {
    const shown = JSON.stringify(remarks);
    if (this.remarked === shown) return;
    this.remarked = shown;
    this.remarks.replaceChildren(...remarks.map(([name, text]) => {
      const node = labelled(element("p", "remark"), name, text);
      node.title = ""; // all of it can be read
      return node;
    }));
    this.fit();
  }

  // Saves the file of the photo; where it cannot be read, says why.
  async download() {
    const { current } = this, response = await fetch(current.original, { headers: { range: "bytes=0-0" } }).catch(() => null);
    const problem = response?.ok ? "" : response ? await response.text() : NO_SERVER;
    response?.body?.cancel().catch(() => {});
    if (problem) { this.remark([["error", problem]]); return; }
    const link = element("a");
    Object.assign(link, { href: `${current.original}&download`, download: "" });
    link.click();
  }

  async share() {
    const { askShare } = await import("../shell/share.js");
    if (this.box.isConnected && this.current) askShare([String(this.current.id)]);
  }

  // Shows what is known of the photo, if there is a place for it.
  describe() {
    if (this.areDetailsShown) this.details.show(this.current, AHEAD.map((by) => this.slides[this.index + by]), this.data);
  }

  // Of the search for photos like this one, with the words beside it.
  similarAddress() {
    const address = new URL(this.current.similar, location.origin), words = this.words.value.trim();
    if (words) address.searchParams.set("q", words);
    return address.pathname + address.search;
  }

  // Whether the photo is selected, and what somebody has said of it.
  showMarks() {
    const { current, links } = this;
    if (!current) return;
    const isSelected = tray.isSelected(current.id), { favourite, rating, hidden, of_file: ofFile } = tray.marksOf(current);
    const stars = rating ?? ofFile ?? 0;
    links.select.ariaPressed = String(isSelected);
    setFirst(links.select, isSelected ? "check_box" : "check_box_outline_blank");
    for (const [link, isOn] of /** @type {const} */ ([[links.favourite, favourite], [links.hide, hidden]])) {
      link.hidden = !this.data.keeps;
      link.ariaPressed = String(isOn);
    }
    this.stars.hidden = !this.data.keeps;
    setFirst(links.favourite, favourite ? "♥" : "♡");
    this.stars.title = rating === null && ofFile ? "The stars of the file" : "";
    [...this.stars.children].forEach((button, place) => {
      button.ariaPressed = String(place < stars);
      button.classList.toggle("of-file", rating === null);
      setFirst(button, place < stars ? "★" : "☆");
    });
  }

  // The same in a few characters.
  marksText() {
    const { favourite, rating, hidden, of_file: ofFile } = tray.marksOf(this.current), stars = rating ?? ofFile ?? 0;
    return [favourite && "♥", stars > 0 && "★".repeat(stars), hidden && "hidden"].filter(Boolean).join(" ");
  }

  get areDetailsShown() { return this.stage.classList.contains("with-details"); }

  /** @param {boolean} areShown */
  showDetails(areShown) {
    this.stage.classList.toggle("with-details", areShown);
    this.links.details.ariaExpanded = String(areShown);
    if (this.current) this.describe();
  }

  toggleDetails() {
    const areShown = !this.areDetailsShown, hadFocus = this.details.node.contains(focusIn(this.box));
    this.showDetails(areShown);
    if (hadFocus && !areShown) this.focus();
    store(DETAILS, areShown);
  }

  fillAboveStrips() {
    fillWindow(this.frame);
    if (this.below.hidden) return;
    const height = Number.parseFloat(this.frame.style.height) - this.below.offsetHeight - GAP_PX;
    this.frame.style.height = `${Math.max(MIN_FRAME_PX, height)}px`;
  }

  /** @param {ViewerStrip} strip */
  addStrip(strip) {
    const button = this.button(strip.icon, `${strip.name} (${strip.key})`, () => this.toggleStrip(strip, button));
    this.links.details.after(button);
    this.below.append(strip.node);
    this.stripButtons.push({ strip, button });
    this.showStrip(strip, button, isStored(STRIP + strip.key));
  }

  /** @param {ViewerStrip} strip @param {HTMLButtonElement} button @param {boolean} isShown */
  showStrip(strip, button, isShown) {
    strip.node.hidden = !isShown;
    button.ariaExpanded = String(isShown);
    this.below.hidden = this.stripButtons.every((each) => each.strip.node.hidden);
    if (isShown && this.current) strip.show(this.current.id);
    this.fit();
  }

  /** @param {ViewerStrip} strip @param {HTMLButtonElement} button */
  toggleStrip(strip, button) {
    const isShown = Boolean(strip.node.hidden), hadFocus = strip.node.contains(focusIn(this.box));
    this.showStrip(strip, button, isShown);
    if (hadFocus && !isShown) this.focus();
    store(STRIP + strip.key, isShown);
  }

  select() { tray.set([this.current.id], !tray.isSelected(this.current.id)); }

  // What a key says of the photo that is on the screen.
  /** @param {string} key */
  mark(key) {
    const change = tray.changeOf(key, this.current);
    if (change) tray.mark([this.current], change);
    return Boolean(change);
  }

  /** @param {1 | -1} by */
  step(by) {
    if (!this.slides[this.index + by]) return;
    this.goTo(this.index + by);
    this.show();
  }

  // Also called by the view that fills the window, which shows the photo itself.
  /** @param {number} index */
  goTo(index) {
    this.index = index;
    exchange(this.current.address);
    clearTimeout(this.timer);
    this.timer = setTimeout(announce, FOLLOW_AFTER_MS);
  }

  /** @param {How} how */
  async fill(how) {
    // Browsers allow it only at once after a click or a key.
    if (how.screen && document.fullscreenEnabled) document.documentElement.requestFullscreen().catch(() => {});
    const { FullView } = await import("./full.js");
    if (this.full) return;
    this.full = new FullView(this, how);
    await this.full.closed;
    this.full = null;
    this.show();
    if (this.box.isConnected && document.activeElement === document.body) this.focus();
  }

  showMovingPart() {
    this.shown = "";
    this.frame.replaceChildren(pictureOf({ ...this.current, video: this.current.moving, loops: true }));
  }

  async copyPath() {
    const text = this.current.path;
    try {
      await navigator.clipboard.writeText(text);
      this.tell("Copied");
    } catch { // only where the page was opened without TLS on another machine
      this.tell("The browser allows no copying here. Copy the path among the details.");
    }
  }

  /** @param {string} text */
  tell(text) {
    this.status.textContent = text;
    setTimeout(() => { this.status.textContent = ""; }, 2500);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (this.full && event.key === "Escape") this.full.close(); // also while it opens
    if (this.full || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
    const act = /** @type {Record<string, () => void>} */ ({
      ArrowLeft: () => this.step(-1),
      ArrowRight: () => this.step(1),
      Escape: () => { if (isNarrow() && this.areDetailsShown) this.toggleDetails(); else leave(this.data.results); },
      Enter: () => this.fill({ screen: true }),
      x: () => this.select(),
      i: () => this.toggleDetails(),
      D: () => this.links.download.click(),
    })[event.key];
    if (event.key === "Enter" && event.repeat) return; // it has opened this photo
    const below = this.stripButtons.find(({ strip }) => strip.key === event.key);
    if (below) { event.preventDefault(); this.toggleStrip(below.strip, below.button); return; }
    const ofSection = this.details.actOf(event.key, this.current, this.data);
    if (ofSection) { event.preventDefault(); ofSection(); return; }
    const isButton = event.key === "Enter" && innermost(event)?.closest("a, button"); // which it presses
    if (act && !isButton) { event.preventDefault(); act(); }
    else if (!act && this.mark(event.key)) event.preventDefault();
  }

  listenForSwipes() {
    /** @type {{ x: number, y: number } | null} */
    let from = null;
    this.frame.addEventListener("pointerdown", (event) => { from = { x: event.clientX, y: event.clientY }; });
    this.frame.addEventListener("pointercancel", () => { from = null; });
    this.frame.addEventListener("pointerup", (event) => {
      if (!from || closest(event, "video, button, a")) return;
      const x = event.clientX - from.x, y = event.clientY - from.y;
      from = null;
      if (Math.abs(x) > 40 && Math.abs(x) > 2 * Math.abs(y)) this.step(x < 0 ? 1 : -1);
      else if (Math.hypot(x, y) < 8 && event.button === 0) this.fill({});
    });
  }

  close() {
    clearTimeout(this.timer);
    clearTimeout(this.remarkTimer);
    document.removeEventListener("keydown", this.onKey);
    removeEventListener("popstate", this.onPop);
    removeEventListener("resize", this.fit);
    this.resized.disconnect();
    for (const kind of [CHANGED, MARKED]) tray.removeEventListener(kind, this.follow);
    this.full?.close();
    this.details.close();
  }

  /** @param {string} icon @param {string} text @param {() => void} [open] */
  link(icon, text, open) {
    const link = labelled(element("a"), icon, text);
    if (open) link.onclick = (event) => { if (isPlainClick(event)) { event.preventDefault(); open(); } };
    return link;
  }

  /** @param {string} icon @param {string} text @param {() => void} act */
  button(icon, text, act) {
    const button = labelled(element("button"), icon, text);
    button.type = "button";
    button.onclick = act;
    return button;
  }
}

/** @param {string} name */
function isStored(name) {
  try { return localStorage.getItem(name) === "1"; } catch { return false; }
}

/** @param {string} name @param {boolean} isOn */
function store(name, isOn) {
  try { localStorage.setItem(name, isOn ? "1" : ""); } catch { /* private mode: for this view only */ }
}

/** @param {Slide} slide */
const idOf = (slide) => new URL(slide.address, location.origin).searchParams.get("id") ?? "";

// Whether the key belongs to an element that uses it itself.
/** @param {Event} event */
function isTyping(event) {
  return Boolean(innermost(event)?.closest("input, textarea, select, video, dialog, [role=slider], [role=tab], [role=dialog], [contenteditable]"));
}

/** @template {HTMLElement} Node @param {Node} node @param {string} icon @param {string} text */
function labelled(node, icon, text) {
  const picture = element("span", "icon"), words = element("span", "words");
  picture.ariaHidden = "true";
  picture.textContent = icon;
  words.textContent = text;
  node.title = text;
  node.append(picture, words);
  return node;
}
