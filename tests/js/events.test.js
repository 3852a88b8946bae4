// Which events are listed, and the line above them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { listed, summaryOf } from "../../ui/components/events/listed.js";

const event = (title, photos, given = {}) => ({ title, photos, found: photos, is_trip: false, is_titled: false, ...given });
const EVENTS = [event("trip", 40, { is_trip: true }), event("party", 3), event("one", 1), event("named", 2, { is_titled: true }), event("short trip", 2, { is_trip: true })];
const ALL = { kind: "all", withSmall: false, isNarrowed: false };
const titles = (events) => events.map(({ title }) => title);

test("occasions of one or two photos are left out, unless they have a title of the visitor's", () => {
  const { shown, small } = listed(EVENTS, ALL);
  assert.deepEqual(titles(shown), ["trip", "party", "named"]);
  assert.deepEqual(titles(small), ["one", "short trip"]);
});

test("small ones are shown on request, in a search, and where there are no others", () => {
  for (const how of [{ withSmall: true }, { isNarrowed: true }]) {
    assert.deepEqual(titles(listed(EVENTS, { ...ALL, ...how }).shown), titles(EVENTS));
    assert.deepEqual(listed(EVENTS, { ...ALL, ...how }).small, []);
  }
  assert.deepEqual(titles(listed([event("one", 1)], ALL).shown), ["one"]);
});

test("of trips, small ones count as small as well", () => {
  const { shown, small } = listed(EVENTS, { ...ALL, kind: "trips" });
  assert.deepEqual([titles(shown), titles(small)], [["trip"], ["short trip"]]);
});

test("the line counts trips and occasions, and leaves out what there is none of", () => {
  const trips = EVENTS.filter((each) => each.is_trip);
  assert.equal(summaryOf(EVENTS, EVENTS, ALL), "2 trips, 3 occasions");
  assert.equal(summaryOf(trips.slice(0, 1), EVENTS, ALL), "1 trip");
  assert.equal(summaryOf([event("party", 3)], EVENTS, { ...ALL, isNarrowed: true }), "1 occasion with photos of this search");
});

test("without events the line says why", () => {
  assert.match(summaryOf([], [], ALL), /No photo states when it was taken/);
  assert.match(summaryOf([], [event("party", 3)], { ...ALL, kind: "trips" }), /^No trips/);
  assert.match(summaryOf([], [], { ...ALL, kind: "trips" }), /No photo states when it was taken/);
  assert.equal(summaryOf([], [], { ...ALL, isNarrowed: true }), "No event has a photo of this search.");
});
