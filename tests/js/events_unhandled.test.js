// Events of a component that Python has not handled yet.

import assert from "node:assert/strict";
import { test } from "node:test";
import { UnhandledEvents } from "../../ui/components/shared/unhandled_events.js";

test("an event stays until Python has handled it, with those that came since", () => {
  const events = new UnhandledEvents();
  events.drop(["a", 0]);
  const [[first]] = events.add("typed", "lake");
  const [, [second]] = events.add("typed", "lakes");
  assert.ok(second > first);
  events.drop(["a", first]);
  assert.deepEqual(events.events, [[second, "a", "typed", "lakes"]]);
  events.drop(["a", second]);
  assert.deepEqual(events.events, []);
});

test("events of a session that has ended are void", () => {
  const events = new UnhandledEvents();
  events.drop(["a", 0]);
  events.add("typed", "lake");
  events.drop(["b", 0]);
  assert.deepEqual(events.events, []);
});

test("numbers grow, also after those that another element of the same component has used", () => {
  const events = new UnhandledEvents(), used = Date.now() + 1e6;
  events.drop(["a", used]);
  const [[number]] = events.add("typed", "lake");
  assert.ok(number > used);
});
