// Fingers, mouse and wheel on a photo that fills the window: what they do.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { openPage } from "./page.js";

const { window } = await openPage("/photo");
Object.assign(globalThis, { innerWidth: 1000, innerHeight: 800, devicePixelRatio: 1 });
const { Gestures } = await import("../../ui/components/viewer/gestures.js");
const { Zoom } = await import("../../ui/components/viewer/zoom.js");

let now, done, view, node, gestures;
beforeEach((context) => {
  now = 1000;
  context.mock.method(performance, "now", () => now);
  done = [];
  node = document.createElement("div");
  document.body.replaceChildren(node);
  const note = (name) => (...given) => { done.push([name, ...given]); };
  view = {
    node, moveMs: 0, pane: { zoom: new Zoom(document.createElement("img"), { width: 4000, height: 3200 }, () => {}) }, close: note("close"),
    dragged: note("dragged"), pulled: note("pulled"), droppedAside: note("aside"), droppedBelow: note("below"),
    toggleControls: note("controls"), toggleZoom: note("zoom"), clickedBeside: note("beside"),
  };
  gestures = new Gestures(node, view);
});
afterEach(() => gestures.end());

function finger(kind, x, y, given = {}) {
  now += 100;
  const event = new window.PointerEvent(kind, { pointerId: 1, pointerType: "touch", clientX: x, clientY: y, bubbles: true, cancelable: true, ...given });
  Object.defineProperty(event, "timeStamp", { value: now });
  node.dispatchEvent(event);
}
const last = (name) => done.filter(([each]) => each === name).at(-1)?.slice(1);

test("a photo that is dragged far aside gives way to its neighbour, on the other side", () => {
  finger("pointerdown", 500, 400);
  finger("pointermove", 300, 410);
  assert.deepEqual(last("dragged"), [-200]);
  finger("pointermove", 200, 410);
  finger("pointerup", 200, 410);
  assert.deepEqual(last("aside"), [1]);
});

test("one that is dragged a little goes back; a quick one goes on", () => {
  finger("pointerdown", 500, 400);
  finger("pointermove", 450, 400);
  now += 1000; // it is held there
  finger("pointermove", 450, 400);
  finger("pointerup", 450, 400);
  assert.deepEqual(last("aside"), [0]);
  finger("pointerdown", 500, 400);
  now -= 90; // ten milliseconds later
  finger("pointermove", 550, 400);
  now -= 90;
  finger("pointerup", 550, 400);
  assert.deepEqual(last("aside"), [-1]);
});

test("a photo that is pulled down far enough closes the view", () => {
  finger("pointerdown", 500, 200);
  finger("pointermove", 505, 400);
  assert.deepEqual(last("pulled"), [200]);
  finger("pointerup", 505, 400);
  assert.deepEqual(last("below"), [true]);
});

test("a drag that the browser takes over is undone", () => {
  finger("pointerdown", 500, 400);
  finger("pointermove", 100, 400);
  finger("pointercancel", 100, 400);
  assert.deepEqual(last("aside"), [0]);
});

test("two fingers zoom around what is between them", () => {
  const { zoom } = view.pane, fit = zoom.level;
  finger("pointerdown", 400, 400);
  finger("pointerdown", 600, 400, { pointerId: 2 });
  finger("pointermove", 300, 400);
  finger("pointermove", 700, 400, { pointerId: 2 });
  assert.ok(Math.abs(zoom.level - 2 * fit) < 1e-9, "twice as far apart");
  finger("pointerup", 700, 400, { pointerId: 2 });
  finger("pointerup", 300, 400);
  assert.deepEqual(done, [], "it is neither a drag nor a tap");
});

test("fingers that leave the photo much smaller close the view", () => {
  finger("pointerdown", 300, 400);
  finger("pointerdown", 700, 400, { pointerId: 2 });
  finger("pointermove", 490, 400);
  finger("pointermove", 510, 400, { pointerId: 2 });
  finger("pointerup", 510, 400, { pointerId: 2 });
  finger("pointerup", 490, 400);
  assert.deepEqual(done, [["close"]]);
});

test("a photo that is zoomed in is moved, and given to its neighbour only at its edge", () => {
  const { zoom } = view.pane;
  zoom.to(1, { x: 0, y: 0 }); // its upper left corner is that of the window
  finger("pointerdown", 500, 400);
  finger("pointermove", 400, 350);
  assert.deepEqual(zoom.pan, { x: -100, y: -50 });
  assert.deepEqual(done, []);
  finger("pointerup", 400, 400);
  zoom.panTo({ x: 0, y: 0 }, false);
  finger("pointerdown", 100, 400);
  finger("pointermove", 700, 400);
  assert.deepEqual(last("dragged"), [600], "there is nothing more to its left");
});

test("a tap shows the controls, after it is clear that it is not the first of two, which zoom", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  finger("pointerdown", 500, 400);
  finger("pointerup", 500, 400);
  assert.deepEqual(done, []);
  context.mock.timers.tick(300);
  assert.deepEqual(done, [["controls"]]);
  now += 1000;
  finger("pointerdown", 500, 400);
  finger("pointerup", 500, 400);
  finger("pointerdown", 510, 400);
  finger("pointerup", 510, 400);
  context.mock.timers.tick(1000);
  assert.deepEqual(done.slice(1), [["zoom", { x: 510, y: 400 }]]);
});

test("a click of the mouse beside the photo is told, and one on a button is the button's", () => {
  const mouse = { pointerType: "mouse", button: 0 };
  finger("pointerdown", 10, 10, mouse);
  finger("pointerup", 10, 10, mouse);
  assert.deepEqual(done, [["beside"]]);
  const button = document.createElement("button");
  node.append(button);
  button.dispatchEvent(new window.PointerEvent("pointerdown", { pointerId: 3, ...mouse, bubbles: true }));
  button.dispatchEvent(new window.PointerEvent("pointerup", { pointerId: 3, ...mouse, bubbles: true }));
  assert.equal(done.length, 1);
});

test("the wheel zooms around the pointer, and the page does not scroll", () => {
  const { zoom } = view.pane, before = zoom.level, event = new window.WheelEvent("wheel", { deltaY: -500, clientX: 500, clientY: 400, cancelable: true });
  node.dispatchEvent(event);
  assert.ok(Math.abs(zoom.level - 2 * before) < 1e-9);
  assert.equal(event.defaultPrevented, true);
});
