// What a search of an address is for the library, and what the timeline shows of its days.

import assert from "node:assert/strict";
import { test } from "node:test";
import { dayOf, headingsOfFeatures } from "../../ui/components/grid/headings.js";
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

test("modules of features find headings, and one that fails is left out", async () => {
  const span = (title, first) => ({ title, first, last: first, photos: 1, address: "/" });
  const found = { "one.js": { spans: [span("old", "2019-01-01")], towns: { "2019-01-01": "Bonn" } }, "two.js": { spans: [span("new", "2020-01-01")], towns: {} }, "nothing.js": null };
  const load = async (path) => ({ headingsOf: async (query) => { assert.equal(query, "a dog"); return found[path]; } });
  const lost = async () => { throw new TypeError("not there"); };
  const headings = await headingsOfFeatures(["one.js", "nothing.js", "two.js", "lost.js"], "a dog", (path) => (path === "lost.js" ? lost() : load(path)));
  assert.deepEqual(headings.spans.map(({ title }) => title), ["new", "old"], "the newest first");
  assert.deepEqual(headings.towns, { "2019-01-01": "Bonn" });
  assert.deepEqual(await headingsOfFeatures([], null), { spans: [], towns: {} });
});
