// Events of a component that Python has not handled yet.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "./page.js";

await openPage();
const { UnhandledEvents } = await import("../../ui/components/shared/unhandled_events.js");

// Events of a component that is in the page, and what they have sent.
function begin() {
  const box = document.createElement("div"), sent = [];
  document.body.replaceChildren(box);
  const events = new UnhandledEvents(box);
  return { box, events, sent, handle: (session, handled) => events.update([session, handled], (all) => sent.push(all)) };
}

test("an event is sent with those before it that Python has not handled", () => {
  const { events, sent, handle } = begin();
  handle("a", 0);
  events.add("typed", "lake");
  events.add("typed", "lakes");
  const [[[first]], [, [second]]] = sent;
  assert.ok(second > first);
  assert.deepEqual(sent[1], [[first, "a", "typed", "lake"], [second, "a", "typed", "lakes"]]);
  handle("a", first);
  assert.deepEqual(events.events, [[second, "a", "typed", "lakes"]]);
  handle("a", second);
  assert.deepEqual(events.events, []);
});

test("events of a session that has ended are void", () => {
  const { events, handle } = begin();
  handle("a", 0);
  events.add("typed", "lake");
  handle("b", 0);
  assert.deepEqual(events.events, []);
});

test("numbers grow, also after those that another element of the same component has used", () => {
  const { events, sent, handle } = begin(), used = Date.now() + 1e6;
  handle("a", used);
  events.add("typed", "lake");
  assert.ok(sent[0][0][0] > used);
});

test("what stays unhandled is sent again, but not while the script runs, nor when the component is gone", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { box, events, sent, handle } = begin();
  handle("a", 0);
  events.add("from", "2019-07-01");
  events.add("to", "2020-01-01");
  document.body.setAttribute("data-test-script-state", "running");
  context.mock.timers.tick(1000);
  assert.equal(sent.length, 2);
  document.body.removeAttribute("data-test-script-state");
  handle("a", events.events[0][0]);
  context.mock.timers.tick(1000);
  assert.deepEqual(sent.slice(2), [events.events]);
  assert.deepEqual(sent[2].map(([, , name]) => name), ["to"]);
  box.remove();
  events.requests.end(); // its pause is over
  context.mock.timers.tick(1000);
  assert.equal(sent.length, 3);
});

test("nothing is sent again that was handled", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { events, sent, handle } = begin();
  handle("a", 0);
  events.add("from", "2019-07-01");
  handle("a", events.last);
  context.mock.timers.tick(60_000);
  assert.equal(sent.length, 1);
});
