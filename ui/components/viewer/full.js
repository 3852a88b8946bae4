// The view that fills the window or the screen: zoom, pan, swipes, slideshow.

import { imageOf, playerOf, preload } from "./media.js";
import { Zoom } from "./zoom.js";
import { Gestures } from "./gestures.js";

const SLIDE_MS = 4000;
const MOVE_MS = 250; // how long a photo takes to its new place
const LARGE_PX = 1600; // the long side of a large picture; closer than that, all pixels are needed
const GAP_PX = 32; // between two photos
const KEY_PAN_PX = 80;
const AHEAD = [1, -1, 2];

const styles = new Promise((resolve) => {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = new URL("./full.css", import.meta.url);
  link.onload = link.onerror = resolve;
  document.head.append(link);
});

export class FullView {
  // `viewer` has the slides and the index of the one that is shown; `how.playing` starts a slideshow.
  constructor(viewer, how) {
    this.viewer = viewer;
    this.timer = 0;
    this.isPlaying = false;
    this.isClosing = false;
    this.panes = new Map(); // the photo that is shown and its neighbours, by index
    this.moveMs = matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : MOVE_MS;
    this.closed = styles.then(() => new Promise((resolve) => this.open(how, resolve)));
  }

  open(how, resolve) {
    this.resolve = resolve;
    if (this.isClosing) { resolve(); return; }
    this.focusedBefore = focused();
    this.node = this.build();
    document.body.append(this.node);
    this.gestures = new Gestures(this.node, this);
    this.listeners = [
      [document, "keydown", (event) => this.onKey(event)],
      [document, "focusin", (event) => { if (!this.node.contains(event.target)) this.node.focus(); }],
      [document, "fullscreenchange", () => { if (!document.fullscreenElement) this.close(); }],
      [window, "resize", () => this.onResize()],
    ];
    for (const [target, kind, act] of this.listeners) target.addEventListener(kind, act);
    this.node.focus();
    this.arrange();
    this.node.animate({ opacity: [0, 1] }, this.moveMs);
    if (how.playing) this.play(true);
  }

  close() {
    if (this.isClosing) return;
    this.isClosing = true;
    this.play(false);
    if (!this.node) return; // `open` has still to come
    this.gestures.end();
    for (const [target, kind, act] of this.listeners) target.removeEventListener(kind, act);
    if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
    const fade = this.node.animate({ opacity: 0 }, { duration: this.moveMs, fill: "forwards" });
    const remove = () => { this.node.remove(); this.focusedBefore?.focus?.(); this.resolve(); };
    fade.finished.then(remove, remove);
  }

  // ---------------------------------------------------------------------- elements

  build() {
    const node = element("div", "full-view controls-shown");
    Object.assign(node, { role: "dialog", ariaModal: "true", ariaLabel: "Photo in full size", tabIndex: -1 });
    this.background = element("div", "full-view-background");
    this.stage = element("div", "full-view-stage");
    this.count = element("span", "full-view-count");
    const bar = element("div", "full-view-bar");
    this.zoomButton = button(ICONS.zoom, "Zoom (z)", () => this.toggleZoom());
    this.pixelsButton = button("1:1", "Original pixels", () => this.pane?.zoom?.to(this.pane.zoom.levels.pixels, centre(), this.moveMs));
    this.playButton = button(ICONS.play, "Slideshow (Space)", () => this.play(!this.isPlaying));
    this.playButton.ariaPressed = "false";
    bar.append(this.count, this.zoomButton, this.pixelsButton, this.playButton, button(ICONS.close, "Close (Esc)", () => this.close()));
    this.previousButton = button(ICONS.previous, "Previous", () => this.step(-1), "full-view-previous");
    this.nextButton = button(ICONS.next, "Next", () => this.step(1), "full-view-next");
    node.append(this.background, this.stage, bar, this.previousButton, this.nextButton);
    return node;
  }

  // The panes of the photo that is shown and of its neighbours, and what the controls can do. The
  // photos are `offset` pixels to the right of their places.
  arrange(offset = 0, ms = 0) {
    const { index, slides } = this.viewer;
    for (const at of [index - 1, index, index + 1]) {
      if (slides[at] && !this.panes.has(at)) this.panes.set(at, new Pane(slides[at], this.stage));
    }
    for (const [at, pane] of this.panes) {
      // One that leaves stays until it is out of sight.
      if (Math.abs(at - index) > 2) { pane.node.remove(); this.panes.delete(at); continue; }
      pane.place((at - index) * (innerWidth + GAP_PX) + offset, ms);
      pane.setShown(at === index);
    }
    for (const by of AHEAD) if (!this.panes.has(index + by)) preload(slides[index + by]);
    this.count.textContent = [`${(index + 1).toLocaleString("en")} / ${slides.length.toLocaleString("en")}`, this.viewer.marksText()].filter(Boolean).join(" · ");
    this.previousButton.disabled = !slides[index - 1];
    this.nextButton.disabled = !slides[index + 1];
    this.zoomButton.hidden = this.pixelsButton.hidden = !this.pane?.zoom;
  }

  get pane() { return this.panes.get(this.viewer.index); }

  // Python has sent more slides.
  listGrew() { if (this.node && !this.isClosing) this.arrange(); }

  onResize() {
    for (const pane of this.panes.values()) pane.fit();
    this.arrange();
  }

  toggleControls() { this.node.classList.toggle("controls-shown"); }

  // ---------------------------------------------------------------------- which photo

  canStep(by) { return Boolean(this.viewer.slides[this.viewer.index + by]); }

  step(by) {
    if (!this.canStep(by)) return;
    const left = this.pane;
    this.viewer.goTo(this.viewer.index + by);
    this.arrange(0, this.moveMs);
    left?.leave(this.moveMs);
    this.next();
  }

  play(isPlaying) {
    this.isPlaying = isPlaying;
    if (this.playButton) {
      this.playButton.innerHTML = isPlaying ? ICONS.pause : ICONS.play;
      this.playButton.ariaPressed = String(isPlaying);
    }
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

  toggleZoom(point = centre()) {
    const { zoom } = this.pane ?? {};
    zoom?.to(zoom.isIn ? zoom.levels.fit : zoom.levels.second, point, this.moveMs);
  }

  // A mouse was clicked at a place where no photo is.
  clickedBeside() { if (!this.pane?.zoom?.isIn) this.close(); }

  // A photo is dragged aside: it and its neighbours follow, less so where there is no neighbour.
  dragged(px) { this.arrange(this.canStep(px < 0 ? 1 : -1) ? px : px / 3); }

  droppedAside(by) { if (by && this.canStep(by)) this.step(by); else this.arrange(0, this.moveMs); }

  // A photo is pulled up or down, to close the view.
  pulled(px, ms = 0) {
    this.pane?.place(0, ms, px);
    this.background.style.transition = `opacity ${ms}ms`;
    this.background.style.opacity = String(Math.max(0.2, 1 - Math.abs(px) / innerHeight));
  }

  droppedBelow(isClosing) { if (isClosing) this.close(); else this.pulled(0, this.moveMs); }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const pan = (by) => this.pane?.zoom?.panBy(0, by, this.moveMs);
    const act = {
      Escape: () => this.close(),
      ArrowLeft: () => this.step(-1),
      ArrowRight: () => this.step(1),
      ArrowUp: () => pan(KEY_PAN_PX),
      ArrowDown: () => pan(-KEY_PAN_PX),
      z: () => this.toggleZoom(),
      " ": () => this.play(!this.isPlaying),
      Tab: () => this.moveFocus(event.shiftKey ? -1 : 1),
    }[event.key];
    if (!act && this.viewer.mark(event.key)) { event.preventDefault(); this.arrange(); return; }
    // The player and the buttons have their own keys.
    if (!act || (event.target.closest?.("video") && !["Escape", "Tab"].includes(event.key))) return;
    if (event.key === " " && event.target.closest?.("button")) return;
    event.preventDefault();
    act();
  }

  // The keyboard reaches nothing behind this view.
  moveFocus(by) {
    const stops = [...this.node.querySelectorAll("button, video")].filter((node) => !node.disabled && !node.closest("[inert]") && node.checkVisibility({ visibilityProperty: true }));
    const at = stops.indexOf(document.activeElement);
    stops.at(at < 0 ? Math.min(by, 0) : (at + by) % stops.length)?.focus();
  }
}

// One photo or video in its place on the stage.
class Pane {
  constructor(slide, stage) {
    this.slide = slide;
    this.hasAllPixels = false;
    this.node = element("div", "full-view-pane");
    this.zoom = null; // of a photo only
    if (slide.video) this.node.append(playerOf(slide));
    else {
      this.image = imageOf(slide);
      this.image.classList.add("full-view-photo");
      this.node.append(this.image);
      if (!this.image.complete) this.showSmall();
      this.zoom = new Zoom(this.image, slide, (zoom) => this.showAllPixels(zoom));
    }
    stage.append(this.node);
  }

  // What is there until the large picture is.
  showSmall() {
    this.image.style.backgroundImage = `url(${JSON.stringify(this.slide.small)})`;
    this.image.addEventListener("load", () => { this.image.style.backgroundImage = ""; }, { once: true });
  }

  place(x, ms, y = 0) {
    this.node.style.transition = ms ? `transform ${ms}ms ease-out` : "none";
    this.node.style.transform = `translate(${x}px, ${y}px)`;
  }

  setShown(isShown) {
    this.node.ariaHidden = String(!isShown);
    this.node.inert = !isShown;
  }

  // It leaves the window, and is as at first when it comes back.
  leave(ms) {
    this.node.querySelector("video")?.pause();
    setTimeout(() => { if (this.node.inert) this.zoom?.reset(); }, ms);
  }

  fit() { this.zoom?.reset(); }

  // The picture of all pixels takes the place of the large one as soon as that is not enough.
  showAllPixels(zoom) {
    const { width, height, full } = this.slide;
    const shownPx = Math.max(width, height) * zoom.level * devicePixelRatio;
    if (this.hasAllPixels || shownPx <= LARGE_PX) return;
    this.hasAllPixels = true;
    const image = new Image();
    image.onload = () => { this.image.src = full; };
    image.onerror = () => { this.hasAllPixels = false; }; // the next zoom tries again
    image.src = full;
  }
}

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

function button(html, title, act, className = "") {
  const node = element("button", className);
  Object.assign(node, { type: "button", title, ariaLabel: title.replace(/ \(.*/, ""), innerHTML: html, onclick: act });
  return node;
}

function element(tag, className) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  return node;
}
