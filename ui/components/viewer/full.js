// The view that fills the window or the screen: zoom, pan, swipes, slideshow.

import { closest, element, listen, styleSheet } from "../shared/dom.js";
import { imageOf, playerOf, preload } from "./media.js";
import { Zoom } from "./zoom.js";
import { Gestures } from "./gestures.js";

/** @import { Point } from "../types.d.ts" */
/** @import { Slide } from "./media.js" */
/** @typedef {{ playing?: boolean, screen?: boolean }} How: with a slideshow, and on the whole screen */
/**
 * What it needs of the viewer, which has the list and the photo that is shown. A slide that has not come is missing.
 * @typedef {{ slides: (Slide | undefined)[], index: number, goTo: (index: number) => void, mark: (key: string) => boolean, marksText: () => string }} List
 */

const SLIDE_MS = 4000;
const IDLE_MS = 4000; // without a move, a key or a tap, until the controls fade
const MOVE_MS = 250; // how long a photo takes to its new place
const LARGE_PX = 1600; // the long side of a large picture; closer than that, all pixels are needed
const GAP_PX = 32; // between two photos
const KEY_PAN_PX = 80;
const AHEAD = [1, -1, 2];

const styles = new Promise((resolve) => {
  const link = styleSheet(new URL("./full.css", import.meta.url));
  link.onload = link.onerror = resolve;
  document.head.append(link);
});

export class FullView {
  /** @type {HTMLElement | undefined} */ node;
  stage = element("div", "full-view-stage");
  background = element("div", "full-view-background");
  count = element("span", "full-view-count");
  buttons = {
    zoom: button(ICONS.zoom, "Zoom (z)", () => this.toggleZoom()),
    pixels: button("1:1", "Original pixels", () => this.pane?.zoom?.to(this.pane.zoom.levels.pixels, centre(), this.moveMs)),
    play: button(ICONS.play, "Slideshow (Space)", () => this.play(!this.isPlaying)),
    previous: button(ICONS.previous, "Previous", () => this.step(-1), "full-view-previous"),
    next: button(ICONS.next, "Next", () => this.step(1), "full-view-next"),
  };
  /** @type {Gestures | undefined} */ gestures;
  /** @type {Element | null} */ focusedBefore = null;
  /** @type {(() => void)[]} */ stops = [];
  /** @type {() => void} */ resolve = () => {};
  /** @type {Map<number, Pane>} */ panes = new Map(); // the photo that is shown and its neighbours, by index

  // `viewer` has the slides and the index of the one that is shown; `how.playing` starts a slideshow.
  /** @param {List} viewer @param {How} how */
  constructor(viewer, how) {
    this.viewer = viewer;
    this.timer = 0;
    this.idleTimer = 0;
    this.isPlaying = false;
    this.isClosing = false;
    this.moveMs = matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : MOVE_MS;
    /** @type {Promise<void>} */
    this.closed = styles.then(() => new Promise((resolve) => this.open(how, resolve)));
  }

  /** @param {How} how @param {() => void} resolve */
  open(how, resolve) {
    this.resolve = resolve;
    if (this.isClosing) { resolve(); return; }
    this.focusedBefore = focused();
    const node = this.node = this.build();
    document.body.append(node);
    this.gestures = new Gestures(node, this);
    this.stops = [
      listen(document, "keydown", (event) => this.onKey(event)),
      listen(document, "focusin", ({ target }) => { if (!(target instanceof Node && node.contains(target))) node.focus(); }),
      listen(document, "fullscreenchange", () => { if (!document.fullscreenElement) this.close(); }),
      listen(window, "resize", () => this.onResize()),
      listen(document, "keydown", () => this.wake(), { capture: true }),
      listen(node, "pointermove", () => this.wake()),
      listen(node, "pointerdown", () => this.wake()),
    ];
    this.wake();
    node.focus();
    this.arrange();
    node.animate({ opacity: [0, 1] }, this.moveMs);
    if (how.playing) this.play(true);
  }

  close() {
    if (this.isClosing) return;
    this.isClosing = true;
    this.play(false);
    const { node, focusedBefore } = this;
    if (!node) return; // `open` has still to come
    clearTimeout(this.idleTimer);
    this.gestures?.end();
    for (const stop of this.stops) stop();
    if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
    const fade = node.animate({ opacity: 0 }, { duration: this.moveMs, fill: "forwards" });
    const remove = () => {
      node.remove();
      if (focusedBefore instanceof HTMLElement) focusedBefore.focus();
      this.resolve();
    };
    fade.finished.then(remove, remove);
  }

  // ---------------------------------------------------------------------- elements

  build() {
    const node = element("div", "full-view controls-shown");
    Object.assign(node, { role: "dialog", ariaModal: "true", ariaLabel: "Photo in full size", tabIndex: -1 });
    const bar = element("div", "full-view-bar");
    const { zoom, pixels, play, previous, next } = this.buttons;
    play.ariaPressed = "false";
    bar.append(this.count, zoom, pixels, play, button(ICONS.close, "Close (Esc)", () => this.close()));
    node.append(this.background, this.stage, bar, previous, next);
    return node;
  }

  // The panes of the photo that is shown and of its neighbours, and what the controls can do. The
  // photos are `offset` pixels to the right of their places.
  arrange(offset = 0, ms = 0) {
    const { index, slides } = this.viewer;
    for (const at of [index - 1, index, index + 1]) {
      const slide = slides[at];
      if (slide && !this.panes.has(at)) this.panes.set(at, new Pane(slide, this.stage));
    }
    for (const [at, pane] of this.panes) {
      // One that leaves stays until it is out of sight.
      if (Math.abs(at - index) > 2) { pane.node.remove(); this.panes.delete(at); continue; }
      pane.place((at - index) * (innerWidth + GAP_PX) + offset, ms);
      pane.setShown(at === index);
    }
    for (const by of AHEAD) if (!this.panes.has(index + by)) preload(slides[index + by]);
    this.count.textContent = [`${(index + 1).toLocaleString("en")} / ${slides.length.toLocaleString("en")}`, this.viewer.marksText()].filter(Boolean).join(" · ");
    const { zoom, pixels, previous, next } = this.buttons;
    previous.disabled = !slides[index - 1];
    next.disabled = !slides[index + 1];
    zoom.hidden = pixels.hidden = !this.pane?.zoom;
  }

  get pane() { return this.panes.get(this.viewer.index); }

  // Python has sent more slides.
  listGrew() { if (this.node && !this.isClosing) this.arrange(); }

  onResize() {
    for (const pane of this.panes.values()) pane.fit();
    this.arrange();
  }

  // The controls are seen, until nothing has moved for a while. Out of sight, they still take clicks and the focus.
  wake() {
    clearTimeout(this.idleTimer);
    this.node?.classList.remove("idle");
    this.idleTimer = setTimeout(() => this.node?.classList.add("idle"), IDLE_MS);
  }

  toggleControls() { this.node?.classList.toggle("controls-shown"); }

  // ---------------------------------------------------------------------- which photo

  /** @param {number} by */
  canStep(by) { return Boolean(this.viewer.slides[this.viewer.index + by]); }

  /** @param {number} by */
  step(by) {
    if (!this.canStep(by)) return;
    const left = this.pane;
    this.viewer.goTo(this.viewer.index + by);
    this.arrange(0, this.moveMs);
    left?.leave(this.moveMs);
    this.next();
  }

  /** @param {boolean} isPlaying */
  play(isPlaying) {
    this.isPlaying = isPlaying;
    this.buttons.play.innerHTML = isPlaying ? ICONS.pause : ICONS.play;
    this.buttons.play.ariaPressed = String(isPlaying);
    this.next();
  }

  // Waits for the next slide. A video is played to its end.
  next() {
    clearTimeout(this.timer);
    if (!this.isPlaying) return;
    const goOn = () => { if (this.canStep(1)) this.step(1); else this.play(false); };
    const player = this.pane?.node.querySelector("video");
    if (player) {
      player.onended = () => { if (this.isPlaying) goOn(); };
      player.play().catch(() => { this.timer = setTimeout(goOn, SLIDE_MS); });
    } else this.timer = setTimeout(goOn, SLIDE_MS);
  }

  // ---------------------------------------------------------------------- what is pressed

  /** @param {Point} [point] */
  toggleZoom(point = centre()) {
    const { zoom } = this.pane ?? {};
    zoom?.to(zoom.isIn ? zoom.levels.fit : zoom.levels.second, point, this.moveMs);
  }

  // A mouse was clicked at a place where no photo is.
  clickedBeside() { if (!this.pane?.zoom?.isIn) this.close(); }

  // A photo is dragged aside: it and its neighbours follow, less so where there is no neighbour.
  /** @param {number} px */
  dragged(px) { this.arrange(this.canStep(px < 0 ? 1 : -1) ? px : px / 3); }

  /** @param {number} by */
  droppedAside(by) { if (by && this.canStep(by)) this.step(by); else this.arrange(0, this.moveMs); }

  // A photo is pulled up or down, to close the view.
  /** @param {number} px @param {number} [ms] */
  pulled(px, ms = 0) {
    this.pane?.place(0, ms, px);
    this.background.style.transition = `opacity ${ms}ms`;
    this.background.style.opacity = String(Math.max(0.2, 1 - Math.abs(px) / innerHeight));
  }

  /** @param {boolean} isClosing */
  droppedBelow(isClosing) { if (isClosing) this.close(); else this.pulled(0, this.moveMs); }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    /** @param {number} by */
    const pan = (by) => this.pane?.zoom?.panBy(0, by, this.moveMs);
    const act = /** @type {Record<string, () => void>} */ ({
      Escape: () => this.close(),
      ArrowLeft: () => this.step(-1),
      ArrowRight: () => this.step(1),
      ArrowUp: () => pan(KEY_PAN_PX),
      ArrowDown: () => pan(-KEY_PAN_PX),
      z: () => this.toggleZoom(),
      " ": () => this.play(!this.isPlaying),
      Tab: () => this.moveFocus(event.shiftKey ? -1 : 1),
    })[event.key];
    if (!act && this.viewer.mark(event.key)) { event.preventDefault(); this.arrange(); return; }
    // The player and the buttons have their own keys.
    if (!act || (closest(event, "video") && !["Escape", "Tab"].includes(event.key))) return;
    if (event.key === " " && closest(event, "button")) return;
    event.preventDefault();
    act();
  }

  // The keyboard reaches nothing behind this view.
  /** @param {1 | -1} by */
  moveFocus(by) {
    const stops = [.../** @type {NodeListOf<HTMLButtonElement | HTMLVideoElement>} */ (this.node?.querySelectorAll("button, video") ?? [])].filter((node) => !("disabled" in node && node.disabled) && !node.closest("[inert]") && node.checkVisibility({ visibilityProperty: true }));
    const at = stops.findIndex((node) => node === document.activeElement);
    stops.at(at < 0 ? Math.min(by, 0) : (at + by) % stops.length)?.focus();
  }
}

// One photo or video in its place on the stage.
class Pane {
  /** @type {Zoom | null} */ zoom = null; // of a photo only

  /** @param {Slide} slide @param {HTMLElement} stage */
  constructor(slide, stage) {
    this.slide = slide;
    this.hasAllPixels = false;
    this.node = element("div", "full-view-pane");
    if (slide.video) this.node.append(playerOf(slide));
    else {
      const image = imageOf(slide);
      image.classList.add("full-view-photo");
      this.node.append(image);
      if (!image.complete) this.showSmall(image);
      this.zoom = new Zoom(image, slide, (zoom) => this.showAllPixels(image, zoom));
    }
    stage.append(this.node);
  }

  // What is there until the large picture is.
  /** @param {HTMLImageElement} image */
  showSmall(image) {
    image.style.backgroundImage = `url(${JSON.stringify(this.slide.small)})`;
    image.addEventListener("load", () => { image.style.backgroundImage = ""; }, { once: true });
  }

  /** @param {number} x @param {number} ms @param {number} [y] */
  place(x, ms, y = 0) {
    this.node.style.transition = ms ? `transform ${ms}ms ease-out` : "none";
    this.node.style.transform = `translate(${x}px, ${y}px)`;
  }

  /** @param {boolean} isShown */
  setShown(isShown) {
    this.node.ariaHidden = String(!isShown);
    this.node.inert = !isShown;
  }

  // It leaves the window, and is as at first when it comes back.
  /** @param {number} ms */
  leave(ms) {
    this.node.querySelector("video")?.pause();
    setTimeout(() => { if (this.node.inert) this.zoom?.reset(); }, ms);
  }

  fit() { this.zoom?.reset(); }

  // The picture of all pixels takes the place of the large one as soon as that is not enough.
  /** @param {HTMLImageElement} shown @param {Zoom} zoom */
  showAllPixels(shown, zoom) {
    const { width, height, full } = this.slide;
    const shownPx = Math.max(width, height) * zoom.level * devicePixelRatio;
    if (this.hasAllPixels || shownPx <= LARGE_PX) return;
    this.hasAllPixels = true;
    const image = new Image();
    image.onload = () => { shown.src = full; };
    image.onerror = () => { this.hasAllPixels = false; }; // the next zoom tries again
    image.src = full;
  }
}

/** @param {string} path */
const svg = (path) => `<svg aria-hidden="true" viewBox="0 0 32 32" width="32" height="32"><path d="${path}"/></svg>`;
const ICONS = {
  play: svg("M11 8v16l13-8z"),
  pause: svg("M10 8h4v16h-4zM18 8h4v16h-4z"),
  close: svg("m9 7.600 7 7 7-7L24.400 9l-7 7 7 7-1.400 1.400-7-7-7 7L7.600 23l7-7-7-7z"),
  zoom: svg("M14 6a8 8 0 1 0 4.900 14.300l5.400 5.400 1.400-1.400-5.400-5.400A8 8 0 0 0 14 6m0 2a6 6 0 1 1 0 12 6 6 0 0 1 0-12m-1 3v2h-2v2h2v2h2v-2h2v-2h-2v-2z"),
  previous: svg("m19.400 7.600 1.400 1.400-7 7 7 7-1.400 1.400L11 16z"),
  next: svg("m12.600 7.600-1.400 1.400 7 7-7 7 1.400 1.400L21 16z"),
};

const centre = () => ({ x: innerWidth / 2, y: innerHeight / 2 });

function focused() {
  let node = document.activeElement;
  while (node?.shadowRoot?.activeElement) node = node.shadowRoot.activeElement;
  return node;
}

/** @param {string} html @param {string} title @param {() => void} act @param {string} [className] */
function button(html, title, act, className = "") {
  const node = element("button", className);
  Object.assign(node, { type: "button", title, ariaLabel: title.replace(/ \(.*/, ""), innerHTML: html, onclick: act });
  return node;
}
