// Names of dates and moments, as the page writes them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { countOf, dayName, momentName, monthName, periodName, shortDayName } from "../../ui/components/shared/dom.js";

const plain = (text) => text.replace(/[\u2009\u202f\u00a0]/g, " "); // Intl's spaces differ between versions

test("days and months have their names in full, whatever the time zone of the machine", () => {
  assert.equal(monthName("2019-06"), "June 2019");
  assert.equal(dayName("2019-06-15"), "Saturday 15 June 2019");
  assert.equal(shortDayName("2019-06-15"), "Sat 15");
  assert.equal(dayName("2024-02-29"), "Thursday 29 February 2024");
});

test("a period says what differs between its ends once", () => {
  assert.equal(plain(periodName("2019-06-03", "2019-06-12")), "3 – 12 June 2019");
  assert.equal(plain(periodName("2019-06-28", "2019-07-02")), "28 June – 2 July 2019");
  assert.equal(plain(periodName("2019-06-03", "2019-06-03")), "3 June 2019");
});

test("a moment is named as exactly as it is known", () => {
  const moment = "2024-06-01T14:05:30";
  assert.equal(momentName(moment), "1 June 2024, 14:05");
  assert.equal(momentName(moment, "day"), "1 June 2024");
  assert.equal(momentName(moment, "month"), "June 2024");
  assert.equal(momentName(moment, "season"), "summer 2024");
  assert.equal(momentName(moment, "year"), "2024");
});

test("a season begins in March, June, September, or January, which stands for winter", () => {
  const seasons = ["01", "03", "06", "09"].map((month) => momentName(`1974-${month}-01T00:00:00`, "season"));
  assert.deepEqual(seasons, ["winter 1974", "spring 1974", "summer 1974", "autumn 1974"]);
  assert.equal(momentName("1974-05-01T00:00:00", "season"), "May 1974", "no season begins in May");
});

test("photos are counted in words", () => {
  assert.deepEqual([0, 1, 2, 12_345].map(countOf), ["0 photos", "1 photo", "2 photos", "12,345 photos"]);
});
