// The view that fills the window or the screen: zoom, pan, swipes, slideshow. PhotoSwipe does the work.

import PhotoSwipe from "../photoswipe/photoswipe.esm.min.js";
import { playerOf } from "./media.js";

const SLIDE_MS = 4000;
const LARGE_PX = 1600; // the long side of a large picture; closer than that, all pixels are needed
const PLAY = "slideshow", PAUSE = "pause"; // icons

const styles = new Promise((resolve) => {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = new URL("../photoswipe/photoswipe.css", import.meta.url);
  link.onload = link.onerror = resolve;
  document.head.append(link);
});

export class FullView {
  // `viewer` has the slides and the index of the one that is shown; `how.playing` starts a slideshow.
  constructor(viewer, how) {
    this.viewer = viewer;
    this.timer = 0;
    this.isPlaying = false;
    this.isUnwanted = false;
    this.closed = styles.then(() => new Promise((resolve) => this.open(how, resolve)));
  }

  open(how, resolve) {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const pswp = this.pswp = new PhotoSwipe({
      index: this.viewer.index,
      loop: false,
      preload: [1, 2],
      bgOpacity: 1,
      wheelToZoom: true,
      showHideAnimationType: calm ? "none" : "fade",
      zoomAnimationDuration: calm ? false : 200,
      imageClickAction: false, // a double click zooms; PhotoSwipe knows only single ones of a mouse
      bgClickAction: () => { if (!isZoomedIn(pswp.currSlide)) pswp.close(); },
      tapAction: "toggle-controls",
      doubleTapAction: "zoom",
      clickToCloseNonZoomable: false,
      secondaryZoomLevel: (levels) => secondaryOf(levels),
      maxZoomLevel: (levels) => Math.max(4 * originalLevel(), 3 * levels.fit),
      errorMsg: "This photo cannot be shown now.",
    });
    pswp.addFilter("numItems", () => this.viewer.slides.length);
    pswp.addFilter("itemData", (item, index) => itemOf(this.viewer.slides[index]));
    pswp.addFilter("contentErrorElement", (node, content) => smallPicture(content.data.slide) ?? node);
    pswp.on("contentLoad", (event) => {
      const { slide } = event.content.data;
      if (!slide?.video) return;
      event.preventDefault();
      const holder = document.createElement("div");
      holder.className = "pswp__video";
      Object.assign(holder.style, { width: "100%", height: "100%", display: "grid", placeItems: "center" });
      const player = playerOf(slide);
      Object.assign(player.style, { maxWidth: "100%", maxHeight: "100%" });
      holder.append(player);
      event.content.element = holder;
      event.content.onLoaded();
    });
    pswp.on("contentDeactivate", ({ content }) => content.element?.querySelector("video")?.pause());
    pswp.on("pointerDown", (event) => { // the player's own controls
      if (event.originalEvent.target.closest?.("video")) event.preventDefault();
    });
    pswp.on("change", () => {
      if (this.viewer.index !== pswp.currIndex) this.viewer.goTo(pswp.currIndex);
      this.next();
    });
    pswp.on("zoomPanUpdate", ({ slide }) => showAllPixels(slide));
    pswp.on("openingAnimationEnd", () => { if (this.isUnwanted) pswp.close(); });
    pswp.on("keydown", (event) => {
      if (event.originalEvent.key === "Escape") this.close();
      if (event.originalEvent.key !== " " || event.originalEvent.target.closest?.("button, video")) return;
      event.originalEvent.preventDefault();
      this.play(!this.isPlaying);
    });
    pswp.on("uiRegister", () => {
      pswp.ui.registerElement({
        name: "pixels", title: "Original pixels", order: 8, isButton: true, html: "1:1",
        onClick: () => zoomToPixels(pswp),
      });
      pswp.ui.registerElement({
        name: "slideshow", title: "Slideshow (Space)", order: 9, isButton: true, html: "",
        onInit: (node) => { this.playButton = node; this.showPlaying(); },
        onClick: () => this.play(!this.isPlaying),
      });
    });
    pswp.on("initialLayout", () => pswp.element.setAttribute("aria-label", "Photo in full size"));
    pswp.on("bindEvents", () => {
      pswp.element.style.setProperty("--pswp-root-z-index", "1000000"); // above Streamlit's header
      let kind = "mouse";
      pswp.element.addEventListener("pointerdown", (event) => { kind = event.pointerType; }, true);
      pswp.element.addEventListener("dblclick", (event) => {
        if (kind === "mouse" && !event.target.closest("button, video")) pswp.currSlide?.toggleZoom({ x: event.clientX, y: event.clientY });
      });
    });
    const onScreen = () => { if (!document.fullscreenElement) this.close(); };
    pswp.on("close", () => this.play(false));
    pswp.on("destroy", () => {
      document.removeEventListener("fullscreenchange", onScreen);
      if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
      resolve();
    });
    pswp.init();
    document.addEventListener("fullscreenchange", onScreen);
    if (how.playing) this.play(true);
  }

  // PhotoSwipe does not close while it opens; then it closes as soon as it is open.
  close() {
    this.isUnwanted = true;
    this.pswp?.close();
  }

  // Python has sent more slides: update the arrows.
  listGrew() { this.pswp?.dispatch("change"); }

  play(isPlaying) {
    this.isPlaying = isPlaying;
    this.showPlaying();
    this.next();
  }

  // Waits for the next slide. A video is played to its end.
  next() {
    clearTimeout(this.timer);
    if (!this.isPlaying) return;
    const goOn = () => {
      const hasNext = this.pswp.currIndex < this.pswp.getNumItems() - 1;
      if (hasNext) this.pswp.next(); else this.play(false);
    };
    const player = this.pswp.currSlide?.content.element?.querySelector?.("video");
    if (player) {
      player.onended = () => { if (this.isPlaying) goOn(); };
      player.play().catch(() => { this.timer = setTimeout(goOn, SLIDE_MS); });
    } else this.timer = setTimeout(goOn, SLIDE_MS);
  }

  showPlaying() {
    if (!this.playButton) return;
    this.playButton.innerHTML = ICONS[this.isPlaying ? PAUSE : PLAY];
    this.playButton.setAttribute("aria-pressed", String(this.isPlaying));
  }
}

const svg = (path) => `<svg aria-hidden="true" class="pswp__icn" viewBox="0 0 32 32" width="32" height="32"><path d="${path}"/></svg>`;
const ICONS = { [PLAY]: svg("M11 8v16l13-8z"), [PAUSE]: svg("M10 8h4v16h-4zM18 8h4v16h-4z") };

// At which zoom a pixel of the photo is a pixel of the screen.
const originalLevel = () => 1 / devicePixelRatio;

// Beside a photo that is zoomed in, a click may be half of a double click, which zooms out.
function isZoomedIn(slide) {
  return Boolean(slide) && slide.currZoomLevel > slide.zoomLevels.fit;
}

function secondaryOf(levels) {
  return originalLevel() > 1.2 * levels.fit ? originalLevel() : 2 * levels.fit;
}

function itemOf(slide) {
  if (!slide) return {};
  const item = { slide, src: slide.large, msrc: slide.small, width: slide.width, height: slide.height, alt: slide.alt };
  return slide.video ? { ...item, type: "video" } : item;
}

function smallPicture(slide) {
  if (!slide) return null;
  const image = new Image();
  image.src = slide.small;
  image.alt = slide.alt;
  image.onerror = () => { const text = document.createElement("p"); text.textContent = slide.unavailable; image.replaceWith(text); };
  return image;
}

function zoomToPixels(pswp) {
  const slide = pswp.currSlide;
  if (!slide?.isZoomable()) return;
  const centre = { x: pswp.viewportSize.x / 2, y: pswp.viewportSize.y / 2 };
  slide.zoomTo(originalLevel(), centre, 200);
}

// The picture of all pixels takes the place of the large one as soon as that is not enough.
function showAllPixels(slide) {
  const { content, data, currZoomLevel } = slide;
  const shownPx = Math.max(data.width, data.height) * currZoomLevel * devicePixelRatio;
  if (!content.isImageContent() || content.hasAllPixels || shownPx <= LARGE_PX) return;
  content.hasAllPixels = true;
  const image = new Image();
  image.onload = () => { if (content.element) content.element.src = image.src; };
  image.onerror = () => { content.hasAllPixels = false; }; // the next zoom tries again
  image.src = data.slide.full;
}
