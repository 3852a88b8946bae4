// The tile of a photo: what it shows, how it is selected, and what moves in it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "./page.js";

const { window } = await openPage("/", () => ({ content: {} }));
const { createTile, dropTile, fillTile, markByKey, showMarks, showSelected } = await import("../../ui/components/shared/photo_tile.js");
const { tray } = await import("../../ui/components/shared/tray.js");

const PHOTO = {
  id: "7", src: "/thumbnail/small/7", dense: "/thumbnail/dense/7", link: "/photo?id=7", alt: "a lake", badges: [["video", "▶ 0:10"]], moving: "", at: 0,
  marks: { favourite: false, rating: null, hidden: false, of_file: null },
};
function tileOf(photo, onSelect) {
  const tile = createTile();
  document.body.append(tile);
  fillTile(tile, photo, onSelect);
  return tile;
}

test("a tile is a link to its photo with its name, its badges, and a caption where there is one", () => {
  const tile = tileOf({ ...PHOTO, title: "3 May 2024", subtitle: "Lugano", isWeak: true });
  assert.equal(tile.link.getAttribute("href"), "/photo?id=7");
  assert.equal(tile.link.ariaLabel, "a lake");
  assert.equal(tile.querySelector(".badge.video").textContent, "▶ 0:10");
  assert.equal(tile.querySelector("figcaption").textContent, "3 May 2024Lugano");
  assert.ok(tile.classList.contains("weak") && !tile.classList.contains("loading"));
  assert.equal(tileOf(PHOTO).querySelector("figcaption"), null);
});

test("a tile that needs more pixels than a small picture has shows a larger one", () => {
  const sourceOf = (longSide, ratio) => {
    globalThis.devicePixelRatio = ratio;
    const tile = createTile();
    document.body.append(tile);
    fillTile(tile, PHOTO, undefined, longSide);
    return tile.querySelector("img").getAttribute("src");
  };
  assert.equal(sourceOf(253, 1), PHOTO.src);
  assert.equal(sourceOf(178, 2), PHOTO.src);
  assert.equal(sourceOf(253, 2), PHOTO.dense);
  assert.equal(sourceOf(600, 1), PHOTO.dense);
  assert.equal(sourceOf(undefined, 3), PHOTO.src, "where the size is not known");
  globalThis.devicePixelRatio = 1;
});

test("the title of a photo is text, whatever is in it", () => {
  const tile = tileOf({ ...PHOTO, title: "<img src=x onerror=alert(1)>.jpg", subtitle: "" });
  assert.equal(tile.querySelector("figcaption img"), null);
});

test("a photo that is gone leaves an empty tile", () => {
  const tile = tileOf(null);
  assert.equal(tile.querySelector("img"), null);
  assert.equal(tile.photo, undefined);
});

test("its box is ticked, and says whether the whole range is meant", () => {
  const asked = [], tile = tileOf(PHOTO, (...given) => asked.push(given));
  tile.box.checked = true;
  tile.box.dispatchEvent(new window.MouseEvent("click", { shiftKey: true }));
  assert.equal(asked[0][1], true);
  showSelected(tile, true);
  assert.ok(tile.box.checked && tile.classList.contains("selected"));
  showSelected(tileOf(PHOTO), true); // one without a box
});

test("marks are shown, and said in words: own stars before those of the file", () => {
  const tile = tileOf(PHOTO), said = (marks) => {
    showMarks(tile, { ...PHOTO.marks, ...marks });
    const mark = tile.querySelector(".marks");
    return mark && [mark.textContent, mark.ariaLabel];
  };
  assert.deepEqual(said({ favourite: true, rating: 1 }), ["♥ 1★", "favourite, 1 star"]);
  assert.deepEqual(said({ rating: 4, of_file: 2 }), ["4★", "4 stars"]);
  assert.deepEqual(said({ of_file: 2 }), ["2★", "2 stars"]);
  assert.deepEqual(said({ rating: 0, of_file: 2 }), null, "somebody has taken its stars away");
  assert.deepEqual(said({ of_file: -1 }), null, "rejected, in the words of other programs");
  assert.deepEqual(said({ hidden: true }), ["hidden", "hidden"]);
  assert.ok(tile.classList.contains("hidden-photo"));
  assert.equal(said({}), null);
});

test("a key on a tile selects or marks its photo, and no other key does", () => {
  const marked = [], tile = tileOf(PHOTO);
  tray.mark = (photos, change) => { marked.push([photos[0].id, change]); };
  const press = (key, given = {}) => {
    const event = new window.KeyboardEvent("keydown", { key, cancelable: true, ...given });
    Object.defineProperty(event, "target", { value: tile.link });
    return [markByKey(event), event.defaultPrevented];
  };
  assert.deepEqual(press("x"), [true, true]);
  assert.ok(tray.isSelected("7"));
  assert.deepEqual(press("f"), [true, true]);
  assert.deepEqual(press("3"), [true, true]);
  assert.deepEqual(marked, [["7", { favourite: true }], ["7", { rating: 3 }]]);
  assert.deepEqual(press("q"), [false, false]);
  for (const key of ["ctrlKey", "metaKey", "altKey", "shiftKey"]) assert.deepEqual(press("f", { [key]: true }), [false, false], key);
});

const enter = (tile, pointerType) => tile.onpointerenter(new window.PointerEvent("pointerenter", { pointerType }));

test("what moves plays while a mouse rests on the tile, from the moment that was found, and ends when it leaves", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const tile = tileOf({ ...PHOTO, moving: "/original/7", at: 12 });
  enter(tile, "touch");
  context.mock.timers.tick(1000);
  assert.equal(tile.querySelector("video"), null, "a finger only scrolls");
  enter(tile, "mouse");
  assert.equal(tile.querySelector("video"), null, "it may only pass by");
  context.mock.timers.tick(1000);
  const video = tile.querySelector("video");
  assert.deepEqual([video.getAttribute("src"), video.currentTime, video.muted], ["/original/7", 12, true]);
  tile.onpointerleave();
  assert.equal(tile.querySelector("video"), null);
  assert.equal(video.hasAttribute("src"), false, "its request ends");
  assert.doesNotThrow(() => video.onplaying(), "it may have begun just then");
});

test("a tile that is dropped plays nothing more", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const tile = tileOf({ ...PHOTO, moving: "/original/7" });
  enter(tile, "mouse");
  dropTile(tile);
  context.mock.timers.tick(1000);
  assert.equal(tile.querySelector("video"), null);
  assert.equal(tile.isConnected, false);
});
