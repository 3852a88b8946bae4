// Addresses and the entries of the browser's history.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "./page.js";

const { window } = await openPage("/timeline?q=lake");
const { exchange, isPlainClick, normalized, openedPhoto, photoHasCome, rememberSeen, visit } = await import("../../ui/components/history/history.js");

test("an address is the same whatever the order and the form of its parameters", () => {
  assert.equal(normalized("/?b=2&a=x%20y"), normalized("/?a=x+y&b=2"));
  assert.notEqual(normalized("/?a=1"), normalized("/timeline?a=1"));
  assert.notEqual(normalized("/?a=1"), normalized("/?a=2"));
});

test("a visit adds an entry that knows where it came from, and which photo it opened", () => {
  const before = history.length;
  visit("/photo?id=7&q=lake");
  assert.equal(history.length, before + 1);
  assert.equal(location.pathname + location.search, "/photo?id=7&q=lake");
  assert.deepEqual(history.state, { cameFrom: "/timeline", opened: "7" });
  assert.equal(openedPhoto(), "7");
  visit("/photo?id=7&q=lake");
  assert.equal(history.length, before + 1, "the address that is shown is not visited again");
});

test("until the view of a photo has come, Esc turns back, and nothing else hears of it", () => {
  history.replaceState(null, "", "/timeline");
  const heard = [], back = history.back;
  let backs = 0;
  history.back = () => { backs += 1; };
  const note = ({ key }) => heard.push(key);
  document.addEventListener("keydown", note);
  const press = (key, given = {}) => document.body.dispatchEvent(new window.KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...given }));
  visit("/photo?id=9");
  press("x");
  press("Escape", { ctrlKey: true });
  press("Escape");
  assert.deepEqual([backs, heard], [1, ["x", "Escape"]]);
  press("Escape");
  assert.equal(backs, 1, "once");
  history.replaceState(null, "", "/timeline");
  visit("/photo?id=9");
  photoHasCome();
  press("Escape");
  assert.equal(backs, 1, "from then on the view has its keys");
  document.removeEventListener("keydown", note);
  history.back = back;
  history.replaceState({ opened: "7" }, "", "/photo?id=7&q=lake");
});

test("the arrow keys exchange the address without an entry of its own, and forget the place", () => {
  history.replaceState({ ...history.state, place: { id: "7", top: 3 } }, "");
  const before = history.length;
  let changes = 0;
  addEventListener("imgsearch-photo-change", () => { changes += 1; });
  exchange("/photo?id=8&q=lake");
  assert.deepEqual([history.length, changes, history.state.place, history.state.opened], [before, 1, undefined, "7"]);
});

test("the place that the browser comes back to remembers the photo seen last, if it is that of the photo opened", () => {
  history.replaceState({ place: { id: 7, top: 3 } }, "");
  rememberSeen("8", "9");
  assert.equal(history.state.place.seen, undefined);
  rememberSeen("7", "9");
  assert.deepEqual(history.state.place, { id: 7, top: 3, seen: "9" });
});

test("only a plain click is ours: the others open a tab or a window", () => {
  const click = (given) => new window.MouseEvent("click", given);
  assert.equal(isPlainClick(click({})), true);
  for (const given of [{ ctrlKey: true }, { metaKey: true }, { shiftKey: true }, { button: 1 }]) assert.equal(isPlainClick(click(given)), false, JSON.stringify(given));
});
