// What a search of an address is for the library, and what the timeline shows of its days and trips.

import assert from "node:assert/strict";
import { test } from "node:test";
import { addressOfEvent, dayOf, tripsAndTowns } from "../../ui/components/grid/headings.js";
import { queryOf } from "../../ui/components/shared/ask.js";

const TODAY = new Date(2026, 1, 28, 23, 30); // the evening of 28 February
const remark = (day, photos = 4, byFile = 0) => dayOf({ day, photos, dated_by_file: byFile }, TODAY).remark;

test("an address searches for a line, an image, a photo, or nothing", () => {
  assert.equal(queryOf({}), null);
  assert.equal(queryOf({ q: "  " }), null);
  assert.equal(queryOf({ q: "a dog in:Italy" }), "a dog in:Italy");
  assert.deepEqual(queryOf({ q: "type:png", photo: "7" }), { line: "type:png", terms: [{ photo_id: 7, region: null }] });
  assert.deepEqual(queryOf({ image: "0123456789012345", photo: "7" }), { line: "", terms: [{ kept_image: "0123456789012345", region: null }] }, "the image counts");
});

test("a part of an image is in percent, and what is no part is the whole", () => {
  const regionOf = (region) => queryOf({ photo: "7", region }).terms[0].region;
  assert.deepEqual(regionOf("10,20,30.5,40"), { x: 10, y: 20, width: 30.5, height: 40, percent: true });
  for (const text of ["", "10,20,30", "10,20,0,40", "10,20,30,", "-1,20,30,40", "10,20,101,40", "a,b,c,d"]) assert.equal(regionOf(text), null, text);
});

test("a day has a remark where its date is doubtful", () => {
  assert.deepEqual(dayOf({ day: "2016-08-20", photos: 4, dated_by_file: 0 }, TODAY), { day: "2016-08-20", count: 4, remark: "", towns: "", label: "Saturday 20 August 2016" });
  assert.equal(remark("1970-01-01"), "the date of a clock that was not set");
  assert.equal(remark("2026-03-01"), "", "a camera may be ahead by a time zone");
  assert.equal(remark("2026-03-02"), "in the future: the clock was wrong");
  assert.equal(remark("2016-08-20", 4, 4), "by the date of the file");
  assert.equal(remark("2016-08-20", 4, 1), "1 photo by the date of the file");
  assert.equal(remark("2016-08-20", 2000, 1200), "1,200 photos by the date of the file");
});

test("trips are named after their places, the newest first, and days after their towns", () => {
  const trip = { start: "2019-06-03T09:00:00", end: "2019-06-12T11:30:00", is_trip: true, photos: 40, found: 40, towns: ["Rome", "Siena", "Pisa", "Ostia"], countries: ["Italy"], title: "Rome, June 2019", is_titled: false, version: "1" };
  const { trips, towns } = tripsAndTowns({
    trips: [trip, { ...trip, start: "2020-01-01T10:00:00", title: "Honey\nmoon", is_titled: true }, { ...trip, start: "2021-01-01T10:00:00", towns: [], countries: [] }],
    towns: { "2019-07-01": ["Bonn", "Köln", "Hürth", "Brühl"] },
  });
  assert.deepEqual(trips.map(({ title }) => title), ["Trip", "Honey\\nmoon", "Trip to Rome, Siena, Pisa, Italy"]);
  assert.deepEqual(trips[2], { title: trips[2].title, first: "2019-06-03", last: "2019-06-12", photos: 40, address: addressOfEvent(trip.start) });
  assert.equal(addressOfEvent(trip.start), "/events?event=2019-06-03T09%3A00%3A00");
  assert.deepEqual(towns, { "2019-07-01": "Bonn, Köln, Hürth" });
});
