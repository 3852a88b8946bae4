// Names and words that the page finds, writes and reads.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "./page.js";

await openPage("/");
const { kindsOf, matching, wordsIn } = await import("../../ui/components/choices/matching.js");
const { albumOf } = await import("../../imgsearch/features/albums/components/albums/actions.js");
const { placeName, printable } = await import("../../ui/components/shared/dom.js");

test("words have no case, no accents, and the letters of other alphabets as people type them", () => {
  assert.deepEqual(wordsIn("Genève, Straße – Łódź (Ærø)"), ["geneve", "strasse", "lodz", "aero"]);
  assert.deepEqual(wordsIn("  …  "), []);
});

const choice = (label, photos, below = []) => ({ label, field: "place", value: label, photos, below });
const NOTHING = { folders: [], places: [], people: [], keywords: [], of_features: [] };
const PLACES = [choice("Switzerland", 30, [choice("Genève", 20), choice("New Geneva", 40)]), choice("France", 5)];
const found = (text, more = {}) => matching(kindsOf({ ...NOTHING, places: PLACES, ...more }), wordsIn(text)).map(({ label }) => label);

test("a choice is found where each word begins a word of its name; names that begin with them come first", () => {
  assert.deepEqual(found("gen"), ["Genève", "New Geneva"], "though the other one has more photos");
  assert.deepEqual(found("ew"), [], "in the middle of a word");
  assert.deepEqual(found("geneva new"), ["New Geneva"]);
  assert.deepEqual(found("france gen"), [], "each word, of one name");
});

test("of names that begin with the words, those with more photos come first, of all kinds", () => {
  assert.deepEqual(found("fran", { people: [choice("Frances", 9)] }), ["Frances", "France"]);
});

test("a kind without choices is left out, and what is above a choice is known", () => {
  const [places, ...others] = kindsOf({ ...NOTHING, places: PLACES });
  assert.deepEqual([places.title, places.icon, others], ["Places", "place", []]);
  assert.deepEqual(places.choices[0].below[1].above, ["Switzerland"]);
  assert.equal(kindsOf({ ...NOTHING, folders: [choice("a\u202eb", 1)] })[0].choices[0].label, "a\\u202eb");
});

test("a choice knows what it is in", () => {
  const [geneva] = matching(kindsOf({ ...NOTHING, places: PLACES }), ["geneve"]);
  assert.deepEqual([geneva.above, geneva.kind.title, geneva.value], [["Switzerland"], "Places", "Genève"]);
});

test("an address shows an album if it is searched for, and nothing else", () => {
  const at = (query, pathname = "/") => albumOf({ pathname, search: `?${new URLSearchParams({ q: query })}` });
  assert.equal(at("album:Book"), "Book");
  assert.equal(at(' album:"Our book" '), "Our book");
  assert.equal(at('album:"a \\"b\\" \\\\ c"'), 'a "b" \\ c');
  for (const query of ["album:Book lake", "-album:Book", "album:Book|Other", "album:", "lake"]) assert.equal(at(query), "", query);
  assert.equal(at("album:Book", "/timeline"), "", "another view shows more than the album");
  assert.equal(albumOf({ pathname: "/", search: "" }), "");
});

test("a place has the names that are known, each once, else its coordinates", () => {
  const place = { lat: 48.856613, lon: 2.352222, town: "Paris", region: "Paris", country: "France", near_town: false };
  assert.equal(placeName(place), "Paris, France");
  assert.equal(placeName({ ...place, near_town: true }), "near Paris, Paris, France");
  assert.equal(placeName({ ...place, town: null, region: null, country: null }), "48.85661, 2.35222");
  assert.equal(placeName(null), "no place");
});

test("what could move the cursor, hide text or break a line is shown escaped, as the commands print it", () => {
  assert.equal(printable("Jo\u200f Ann\n\u001b[2J"), "Jo\\u200f Ann\\n\\x1b[2J");
  assert.equal(printable("a\u00a0b \ud800 \u{e0001}"), "a\\xa0b \\ud800 \\U000e0001");
  assert.equal(printable("Genève, 東京 <b> 😀"), "Genève, 東京 <b> 😀");
});
