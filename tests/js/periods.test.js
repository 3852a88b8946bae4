// The columns of strips of pictures over time.

import assert from "node:assert/strict";
import { test } from "node:test";
import { addressOf, columnsOf, nameOf, shortNameOf, srcOf } from "../../imgsearch/features/strips/components/over_time/periods.js";

const row = (...periods) => periods.map(([period, photos]) => ({ period, photos }));
const shown = (columns) => columns.map(({ isGap, periods }) => (isGap ? `(${periods.join(" ")})` : periods.join(" ")));

test("every year from the first to the last of all rows has a column; consecutive ones without photos share one", () => {
  const columns = columnsOf([row(["2015", 3], ["2016", 0], ["2019", 2]), row(["2013", 1], ["2016", 0])], "year");
  assert.deepEqual(shown(columns), ["2013", "(2014)", "2015", "(2016 2017 2018)", "2019"]);
});

test("a period is no gap if any row has a photo of it", () => {
  assert.deepEqual(shown(columnsOf([row(["2015", 0], ["2016", 1]), row(["2015", 1])], "year")), ["2015", "2016"]);
});

test("months go on over the end of a year", () => {
  assert.deepEqual(shown(columnsOf([row(["2018-11", 1], ["2019-02", 1])], "month")), ["2018-11", "(2018-12 2019-01)", "2019-02"]);
});

test("years before 1000 have four digits, as the library writes them", () => {
  assert.deepEqual(shown(columnsOf([row(["0998", 1], ["1001", 1])], "year")), ["0998", "(0999 1000)", "1001"]);
});

test("without photos there are no columns", () => {
  assert.deepEqual(columnsOf([], "year"), []);
  assert.deepEqual(columnsOf([[], []], "month"), []);
});

test("a year is named by its number, a month in words", () => {
  assert.deepEqual([nameOf("2019"), nameOf("2019-06")], ["2019", "June 2019"]);
  assert.deepEqual([shortNameOf("2019"), shortNameOf("2019-06"), shortNameOf("2019-05")], ["2019", "Jun 2019", "May 2019"]);
});

test("a period has the picture of its best photo, of a video at its moment, or none", () => {
  const picture = { period: "2019", photos: 2, photo_id: 7, version: "0123456789ab", at_s: null };
  assert.equal(srcOf(picture), "/thumbnail/small/7?v=0123456789ab");
  assert.equal(srcOf({ ...picture, at_s: 1.2346 }), "/thumbnail/small/7?v=0123456789ab&at=1235");
  assert.equal(srcOf({ ...picture, photo_id: null, version: "" }), "");
});

test("a period leads to its photos, without those that only their file dates", () => {
  const query = (address) => Object.fromEntries(new URL(address, "http://page").searchParams);
  assert.deepEqual(query(addressOf({ q: "a cat" }, "2019-06")), { q: "a cat on:2019-06 -dated:file" });
  assert.deepEqual(query(addressOf({ photo: "7" }, "2019")), { photo: "7", q: "on:2019 -dated:file" });
});
