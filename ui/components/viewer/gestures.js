// Fingers, mouse and wheel on the view that fills the window: what they mean.
//
// One pointer drags a photo: within the window if it is zoomed in, else aside to a neighbour, or up
// and down to close the view. Two fingers zoom. A tap shows or hides the controls, two zoom.

import { closest, listen } from "../shared/dom.js";

/** @import { Point } from "../types.d.ts" */
/** @import { FullView } from "./full.js" */
/** @typedef {Point & { at: number }} Moment where a pointer was, and when, in milliseconds */
/** @typedef {"" | "pan" | "aside" | "down" | "pinch"} Kind */

const MOVED_PX = 8; // a pointer that moved less was not dragged
const DOUBLE_MS = 300, DOUBLE_PX = 40; // two taps this close are one double tap
const ASIDE_SHARE = 0.25, DOWN_SHARE = 0.2; // of the window: dragged that far, it goes on
const FAST_PX_PER_MS = 0.4; // and also if it was dragged this fast
const COAST_MS = 150, SPEED_MS = 80; // a photo goes on for that long; speed is that of the last moments
const PINCHED_OUT = 0.75; // of its first size: fingers that leave it smaller close the view, unless it was zoomed in

export class Gestures {
  /** @type {Map<number, Point>} */ fingers = new Map(); // where each pointer is, by its id
  /** @type {Kind} */ kind = ""; // what is done now
  /** @type {Moment | null} */ tapped = null; // the tap before
  /** @type {Point} */ from = { x: 0, y: 0 }; // where what is done now has begun
  /** @type {Point} */ panned = { x: 0, y: 0 }; // where the photo was then
  /** @type {Moment[]} */ trail = []; // of the last moments
  distance = 1; // between two fingers
  wasIn = false; // whether the photo was zoomed in while fingers held it
  isMouse = false;
  timer = 0;

  /** @param {HTMLElement} node @param {FullView} view */
  constructor(node, view) {
    this.view = view;
    const isActive = { passive: false };
    this.stops = [
      listen(node, "pointerdown", (event) => this.down(event), isActive),
      listen(window, "pointermove", (event) => this.move(event), isActive),
      listen(window, "pointerup", (event) => this.up(event), isActive),
      listen(window, "pointercancel", (event) => this.up(event), isActive),
      listen(node, "wheel", (event) => this.wheel(event), isActive),
      listen(node, "dblclick", (event) => { if (this.isMouse && !isControl(event)) view.toggleZoom(pointOf(event)); }, isActive),
    ];
  }

  end() {
    clearTimeout(this.timer);
    for (const stop of this.stops) stop();
  }

  get zoom() { return this.view.pane?.zoom; }

  /** @param {PointerEvent} event */
  down(event) {
    this.isMouse = event.pointerType === "mouse";
    if (isControl(event) || event.button > 0) return;
    if (this.isMouse) event.preventDefault(); // or the browser would drag the picture
    this.view.node?.focus();
    if (!this.fingers.size) this.wasIn = false;
    this.fingers.set(event.pointerId, pointOf(event));
    this.start();
  }

  // What is dragged from here on, by the pointers that are down.
  start() {
    const [one, two] = this.fingers.values();
    this.from = two ? between(one, two) : one;
    this.trail = [{ ...this.from, at: performance.now() }];
    this.panned = this.zoom?.pan ?? { x: 0, y: 0 };
    this.wasIn ||= Boolean(this.zoom?.isIn);
    if (!two) return;
    if (this.kind === "aside") this.view.droppedAside(0);
    if (this.kind === "down") this.view.droppedBelow(false);
    this.kind = this.zoom ? "pinch" : "";
    this.distance = distance(one, two);
  }

  /** @param {PointerEvent} event */
  move(event) {
    if (!this.fingers.has(event.pointerId)) return;
    this.fingers.set(event.pointerId, pointOf(event));
    const [one, two] = this.fingers.values(), { zoom } = this;
    if (this.kind === "pinch" && two && zoom) {
      const apart = distance(one, two), middle = between(one, two);
      zoom.hold(zoom.level * apart / this.distance, middle, this.from);
      [this.distance, this.from] = [apart, middle];
      this.wasIn ||= zoom.isIn;
      return;
    }
    if (two) return;
    const by = { x: one.x - this.from.x, y: one.y - this.from.y };
    if (!this.kind && Math.hypot(by.x, by.y) > MOVED_PX) this.kind = this.kindOf(by);
    this.trail = [...this.trail.filter((point) => performance.now() - point.at < SPEED_MS), { ...one, at: performance.now() }];
    if (this.kind === "pan") zoom?.panTo({ x: this.panned.x + by.x, y: this.panned.y + by.y }, true);
    if (this.kind === "aside") this.view.dragged(by.x);
    if (this.kind === "down") this.view.pulled(by.y);
  }

  /** @param {Point} by @returns {Kind} */
  kindOf(by) {
    const isAside = Math.abs(by.x) > Math.abs(by.y);
    if (this.zoom?.isIn) return isAside && !this.zoom.canPan(by.x) ? "aside" : "pan";
    return isAside ? "aside" : "down";
  }

  /** @param {PointerEvent} event */
  up(event) {
    if (!this.fingers.delete(event.pointerId)) return;
    if (this.fingers.size) { // one of two fingers: the other one goes on
      if (this.kind === "pinch") this.kind = "pan";
      if (this.fingers.size === 1) this.start();
      return;
    }
    const { kind } = this;
    this.kind = "";
    const by = { x: event.clientX - this.from.x, y: event.clientY - this.from.y };
    const speed = this.speed();
    if (event.type === "pointercancel") this.drop(kind);
    else if (kind === "pan") this.release(speed);
    else if (kind === "aside") {
      const isFar = Math.abs(by.x) > ASIDE_SHARE * innerWidth, isFast = speed.x * by.x > 0 && Math.abs(speed.x) > FAST_PX_PER_MS;
      this.view.droppedAside(isFar || isFast ? -Math.sign(by.x) : 0);
    } else if (kind === "down") this.view.droppedBelow(Math.abs(by.y) > DOWN_SHARE * innerHeight || Math.abs(speed.y) > FAST_PX_PER_MS);
    else this.tap(event);
  }

  /** @param {Kind} kind */
  drop(kind) {
    if (kind === "pan") this.release({ x: 0, y: 0 });
    if (kind === "aside") this.view.droppedAside(0);
    if (kind === "down") this.view.droppedBelow(false);
  }

  // Fingers have left a photo that was zoomed or moved: it coasts, and goes back inside its limits.
  /** @param {Point} speed in pixels a millisecond */
  release(speed) {
    const { zoom, view } = this;
    if (!zoom) return;
    if (!this.wasIn && zoom.level < PINCHED_OUT * zoom.levels.fit) { view.close(); return; }
    if (!zoom.isIn) { zoom.to(zoom.levels.fit, this.from, view.moveMs); return; }
    const coast = view.moveMs ? COAST_MS : 0;
    zoom.panBy(speed.x * coast, speed.y * coast, view.moveMs);
  }

  // In pixels a millisecond, over the last moments.
  speed() {
    const first = this.trail[0], last = this.trail[this.trail.length - 1];
    const ms = performance.now() - first.at;
    return this.trail.length > 1 && ms > 0 ? { x: (last.x - first.x) / ms, y: (last.y - first.y) / ms } : { x: 0, y: 0 };
  }

  /** @param {PointerEvent} event */
  tap(event) {
    const point = pointOf(event);
    if (this.isMouse) {
      if (!closest(event, ".full-view-photo")) this.view.clickedBeside();
      return;
    }
    clearTimeout(this.timer);
    const before = this.tapped;
    this.tapped = { ...point, at: event.timeStamp };
    if (before && event.timeStamp - before.at < DOUBLE_MS && distance(before, point) < DOUBLE_PX) {
      this.tapped = null;
      this.view.toggleZoom(point);
    } else this.timer = setTimeout(() => this.view.toggleControls(), DOUBLE_MS);
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    event.preventDefault();
    const step = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 0.05 : event.ctrlKey ? 0.01 : 0.002; // a pinch on a trackpad has ctrlKey
    this.zoom?.to(this.zoom.level * 2 ** (-event.deltaY * step), pointOf(event));
  }
}

/** @param {Event} event */
const isControl = (event) => Boolean(closest(event, "button, video, a"));
/** @param {MouseEvent} event */
const pointOf = (event) => ({ x: event.clientX, y: event.clientY });
/** @param {Point} a @param {Point} b */
const distance = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);
/** @param {Point} a @param {Point} b */
const between = (a, b) => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
