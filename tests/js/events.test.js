// Which events are listed, the line above them, when they were, and the headings that they give a timeline.

import assert from "node:assert/strict";
import { test } from "node:test";
import { addressAt } from "../../imgsearch/features/events/components/event/route_map.js";
import { addressOfEvent } from "../../imgsearch/features/events/components/events/addresses.js";
import { tripsAndTowns } from "../../imgsearch/features/events/components/events/headings.js";
import { listed, summaryOf } from "../../imgsearch/features/events/components/events/listed.js";
import { hoursOf, spanOf } from "../../imgsearch/features/events/components/events/times.js";

const event = (title, photos, given = {}) => ({ title, photos, found: photos, is_trip: false, is_titled: false, ...given });
const EVENTS = [event("trip", 40, { is_trip: true }), event("party", 3), event("one", 1), event("named", 2, { is_titled: true }), event("short trip", 2, { is_trip: true })];
const plain = (text) => text.replace(/[\u2009\u202f\u00a0]/g, " "); // Intl's spaces differ between versions
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

test("an event says what its title does not: how long it was, or when", () => {
  assert.equal(spanOf({ start: "2019-06-03T09:00:00", end: "2019-06-12T11:30:00" }), "10 days");
  assert.equal(spanOf({ start: "2019-03-30T23:00:00", end: "2019-04-01T01:00:00" }), "3 days", "also over a change of the clocks");
  assert.equal(spanOf({ start: "2019-06-03T09:00:00", end: "2019-06-03T11:30:00" }), "09:00 – 11:30");
  assert.equal(plain(spanOf({ start: "2019-06-03T09:00:00", end: "2019-06-12T11:30:00", is_titled: true })), "3 – 12 June 2019");
  assert.equal(hoursOf({ start: "2019-06-03T09:00:10", end: "2019-06-03T09:00:50" }), "09:00");
});

test("trips are named after their places, the newest first, and days after their towns", () => {
  const trip = { start: "2019-06-03T09:00:00", end: "2019-06-12T11:30:00", is_trip: true, photos: 40, found: 40, towns: ["Rome", "Siena", "Pisa", "Ostia"], countries: ["Italy"], title: "Rome, June 2019", is_titled: false, version: "1" };
  const { spans, towns } = tripsAndTowns({
    trips: [trip, { ...trip, start: "2020-01-01T10:00:00", title: "Honey\nmoon", is_titled: true }, { ...trip, start: "2021-01-01T10:00:00", towns: [], countries: [] }],
    towns: { "2019-07-01": ["Bonn", "Köln", "Hürth", "Brühl"] },
  });
  assert.deepEqual(spans.map(({ title }) => title), ["Trip", "Honey\\nmoon", "Trip to Rome, Siena, Pisa, Italy"]);
  assert.deepEqual(spans[2], { title: spans[2].title, first: "2019-06-03", last: "2019-06-12", photos: 40, address: addressOfEvent(trip.start) });
  assert.equal(addressOfEvent(trip.start), "/events?event=2019-06-03T09%3A00%3A00");
  assert.deepEqual(towns, { "2019-07-01": "Bonn, Köln, Hürth" });
});

test("the way of an event leads to a map by the address that the map has", () => {
  assert.equal(addressAt("/map?at={lat},{lon},{zoom}", 41.9, 12.48371, 7), "/map?at=41.9000,12.4837,7");
});
