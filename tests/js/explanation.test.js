// What the viewer says of why a search found a photo.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "./page.js";

await openPage("/photo?id=1");
const { rowsOfExplanation } = await import("../../ui/components/viewer/details.js");

const NONE = { path: "/a.jpg", reason: null, photo: null, rank: null, score: null, shares: [], hubness: null, filters: [], text: null, text_lines: [], matched_by: [], remarks: [], worth: null };

test("rank, score, the share of each term, and whether filters match", () => {
  const shares = [{ term: "a dog", cosine: 0.4056, share: 0.3 }, { term: "-ca\tt", cosine: 0.1, share: -0.0501 }];
  const filters = [{ filter: "in:Italy", passes: true }, { filter: "type:png", passes: false }];
  assert.deepEqual(rowsOfExplanation({ ...NONE, rank: 1200, score: 0.25, shares, filters }), [
    ["Rank", "1,200"], ["Score", "0.250"],
    ["a dog", "adds +0.300 (alone 0.406)"], ["-ca\\tt", "adds -0.050 (alone 0.100)"],
    ["in:Italy", "matches"], ["type:png", "does not match"],
  ]);
  assert.deepEqual(rowsOfExplanation(NONE), []);
});

test("what a photo loses for being near every text, or gains", () => {
  assert.deepEqual(rowsOfExplanation({ ...NONE, hubness: -0.0214 }), [["Nearness to all texts", "takes 0.021"]]);
  assert.deepEqual(rowsOfExplanation({ ...NONE, hubness: 0.01 }), [["Nearness to all texts", "adds 0.010"]]);
});

test("what features remark", () => {
  const remarks = [["concept:M\tax", "is sure here (probability 0.93)"]];
  assert.deepEqual(rowsOfExplanation({ ...NONE, remarks, score: 0.25 }), [
    ["concept:M\\tax", "is sure here (probability 0.93)"], ["Score", "0.250"],
  ]);
});
