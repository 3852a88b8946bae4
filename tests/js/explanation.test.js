// What the viewer says of why a search found a photo.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "./page.js";

await openPage("/photo?id=1");
const { rowsOfExplanation } = await import("../../ui/components/viewer/details.js");

const NONE = { path: "/a.jpg", reason: null, photo: null, rank: null, score: null, shares: [], filters: [], text: null, text_lines: [], matched_by: [], concepts: [], worth: null };
const concept = { name: "Max", score: 1, probability: 0.934, level: "sure", judged: null };

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

test("concepts with their verdict, and what the visitor has said", () => {
  const said = (given) => rowsOfExplanation({ ...NONE, concepts: [{ ...concept, ...given }] })[0];
  assert.deepEqual(said({}), ["concept:Max", "is sure here (probability 0.93)"]);
  assert.deepEqual(said({ level: null, judged: false })[1], "is not likely here (probability 0.93), and was taught as unlike it");
  assert.deepEqual(said({ judged: true })[1], "is sure here (probability 0.93), and was taught as an example");
});
