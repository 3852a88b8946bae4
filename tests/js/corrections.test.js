// What the correction of dates and places says before anything is changed.

import assert from "node:assert/strict";
import { test } from "node:test";
import { actionText, stayingText } from "../../imgsearch/features/corrections/components/corrections/correction_texts.js";

test("it says how many photos would stay as they are, and why", () => {
  assert.equal(stayingText("date", 5, 3), "2 photos have this date already.");
  assert.equal(stayingText("date", 4, 3), "1 photo has this date already.");
  assert.equal(stayingText("shift", 4, 3), "1 photo states no date that could be shifted.");
  assert.equal(stayingText("names", 1200, 100), "1,100 photos state a date, or have none in a name.");
  assert.equal(stayingText("place", 3, 3), "", "all would change");
});

test("where no photo would change, it says so", () => {
  assert.equal(stayingText("names", 3, 0), "No date was found in the names of these photos.");
  assert.equal(stayingText("place", 1, 0), "These photos have this place already.");
});

test("the button says what it does, and with how many photos", () => {
  const texts = ["date", "shift", "names", "place"].map((kind) => [actionText(kind), actionText(kind, 1), actionText(kind, 1200)]);
  assert.deepEqual(texts, [
    ["Set the date", "Set the date of 1 photo", "Set the date of 1,200 photos"],
    ["Shift", "Shift 1 photo", "Shift 1,200 photos"],
    ["Accept", "Accept 1 proposal", "Accept 1,200 proposals"],
    ["Set the place", "Set the place of 1 photo", "Set the place of 1,200 photos"],
  ]);
});
