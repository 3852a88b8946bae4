// What the viewer says of a photo, from its details.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "./page.js";

await openPage("/photo?id=1");
const { factRows, guardedParts, remarksOf } = await import("../../ui/components/viewer/details.js");
const { correctedOf, partsOf: correctionsOf } = await import("../../imgsearch/features/corrections/components/corrections/actions.js");
const { partsOf: facesOf } = await import("../../imgsearch/features/people/components/people/photo_faces.js");

const FACTS = { format: "JPEG", width_px: 4000, height_px: 3000, taken_at: "2023-06-15T23:30:00", dated_by: "exif", date_precision: null, rating: null, duration_s: null, motion: null, animated: false, lat: null, lon: null, town: null, region: null, country: null, near_town: false };
const details = (facts = {}, hit = {}, more = {}) => ({
  hit: { photo: { id: 7, size_bytes: 3_249_000, facts: { ...FACTS, ...facts } }, paths: ["/photos/a.JPG"], date: "2023-06-15T23:30:00", dated_by: "exif", offline: false, missing: false, ...hit },
  text: null, shown: [], cards: [], present: [true], faces: [], stated_facts: null, ...more,
});
const row = (name, ...given) => new Map(factRows(details(...given))).get(name);

test("date, size and file; what is not known is left out", () => {
  assert.deepEqual(factRows(details()), [
    ["Date", "15 June 2023, 23:30 (from EXIF)"], ["Size", "4000 × 3000 px, 12.0 megapixels"], ["File", "JPEG, 3.2 MB"],
  ]);
});

test("a date is as exact as it is known, and says where it comes from", () => {
  assert.equal(row("Date", { date_precision: "month" }, { dated_by: "you" }), "June 2023 (corrected by you)");
  assert.equal(row("Date", { taken_at: null, date_precision: "year" }, { dated_by: "file" }), "15 June 2023, 23:30 (file modification time)", "the date of a file is exact");
  assert.equal(row("Date", { taken_at: null, dated_by: null }, { date: null, dated_by: null }), "unknown");
});

test("sizes have decimal units", () => {
  const file = (size) => factRows({ ...details(), hit: { ...details().hit, photo: { ...details().hit.photo, size_bytes: size } } })[2][1];
  assert.deepEqual([0, 999, 1000, 999_499, 1_000_000, 2_500_000_000, 3e15].map(file), ["JPEG, 0 B", "JPEG, 999 B", "JPEG, 1 kB", "JPEG, 999 kB", "JPEG, 1.0 MB", "JPEG, 2.5 GB", "JPEG, 3000.0 TB"]);
});

test("videos have the format of their container, and a duration", () => {
  const video = [{ duration_s: 3723.9 }, { paths: ["/films/b.mov"] }];
  assert.equal(row("File", ...video), "MOV, 3.2 MB");
  assert.equal(row("Duration", ...video), "1:02:03");
  assert.equal(row("Duration", { duration_s: 12 }), "0:12");
  assert.equal(row("File", { duration_s: 1 }, { paths: ["/films.d/noname"] }), "JPEG, 3.2 MB");
});

test("stars, motion, place and text", () => {
  assert.deepEqual([0, 3, 5, -1].map((rating) => row("Rating", { rating })), ["☆☆☆☆☆", "★★★☆☆", "★★★★★", "rejected"]);
  assert.equal(row("Motion", { motion: "beside" }), "Live Photo; its video is in a separate file");
  assert.equal(row("Motion", { motion: "inside", animated: true }), "animation; its first frame is shown");
  assert.equal(row("Location", { lat: 48.856613, lon: -2.352222 }), "48.85661, -2.35222");
  const read = (...lines) => row("Text in it", {}, {}, { text: { lines: lines.map((text) => ({ text })) } });
  assert.equal(read("Table 12", "\u202eevil"), "Table 12 · \\u202eevil");
  assert.equal(read("x".repeat(700)), `${"x".repeat(600)} …`);
  assert.equal(read(), undefined);
});

test("facts with a label and rows of features are shown, but for those in other words", () => {
  const shown = [["Camera", "PENTAX\tK-1"], ["Rating", "3"], ["kinds", "cat, 92%"], ["Taken", "then"]];
  assert.deepEqual(factRows(details({}, {}, { shown })).slice(3), [["Camera", "PENTAX\\tK-1"], ["kinds", "cat, 92%"]]);
});

test("why the file of a photo cannot be read", () => {
  const said = (hit, present, hasFiles = true) => remarksOf(details({}, hit, { present }), hasFiles).map(([icon]) => icon);
  assert.deepEqual(said({}, [false, true]), []);
  assert.deepEqual(said({}, [false, false]), ["question_mark"]);
  assert.deepEqual(said({}, [false], false), [], "of an object in a bucket it is not known");
  assert.deepEqual(said({ offline: true, missing: true }, [false]), ["cloud_off"]);
  assert.match(remarksOf(details({}, { missing: true }), true)[0][1], /until you confirm/);
});

test("what was corrected stands beside what the file says", () => {
  const stated = { date_is_corrected: true, place_is_corrected: false, taken_at: null, dated_by: null, date_precision: null, lat: null, lon: null, town: null, region: null, country: null, near_town: false };
  const corrected = (facts, changes, hit = {}) => correctedOf(details(facts, hit).hit, { ...stated, ...changes });
  assert.deepEqual(corrected({ date_precision: "month" }, {}), [{ what: "date", now: "June 2023", stated: "no date" }]);
  assert.deepEqual(corrected({}, { taken_at: "1999-01-02T00:00:00", date_precision: "day" })[0].stated, "2 January 1999");
  const place = { lat: 38.7, lon: -9.1, town: "Lisb\non", region: null, country: "Portugal" };
  assert.deepEqual(corrected(place, { date_is_corrected: false, place_is_corrected: true }), [{ what: "place", now: "Lisb\\non, Portugal", stated: "no place" }]);
  assert.deepEqual(correctedOf(details().hit, null), []);
});

test("every photo can be corrected, and a correction taken back", () => {
  assert.equal(correctionsOf(details())[0].querySelectorAll("button").length, 1);
  const stated = { date_is_corrected: true, place_is_corrected: true, taken_at: null, dated_by: null, date_precision: null, lat: 1, lon: 2, town: null, region: null, country: null, near_town: false };
  const both = correctionsOf(details({}, {}, { stated_facts: stated }))[0];
  assert.match(both.textContent, /Date corrected by you: 15 June 2023, 23:30\. The file says: no date\./);
  assert.match(both.textContent, /Place corrected by you: no place\. The file says: 1\.00000, 2\.00000\./);
  assert.equal(both.querySelectorAll("button").length, 3);
});

test("a face leads to its person, or to more of that face; at most 24 are shown", () => {
  assert.deepEqual(facesOf(details()), []);
  const faces = [{ id: 3, person_id: 9, name: "An\nna" }, { id: 4, person_id: 8, name: null }, { id: 5, person_id: null, name: null }];
  const [part] = facesOf(details({}, {}, { faces }));
  const links = [...part.querySelectorAll("a")];
  assert.deepEqual(links.map((link) => link.getAttribute("href")), ["/people?person=9", "/people?person=8", "/people?face=5"]);
  assert.deepEqual(links.map((link) => [...link.querySelectorAll("span")].map(({ textContent }) => textContent)), [["An\\nna"], ["Who is this?"], ["More of this face", "Seen once"]]);
  assert.equal(links[2].querySelector("img").getAttribute("src"), "/face/small/5");
  const crowd = Array.from({ length: 30 }, (_, id) => ({ id, person_id: null, name: null }));
  assert.equal(facesOf(details({}, {}, { faces: crowd }))[0].querySelectorAll("a").length, 24);
});

test("a part that fails is a sentence, and the console has the error", (context) => {
  const said = context.mock.method(console, "error", () => {});
  const failing = [{ partsOf: () => { throw new Error("no such field"); } }, { partsOf: () => undefined }, {}];
  for (const module of failing) {
    const [part, ...others] = guardedParts(module, details());
    assert.match(part.textContent, /plug-in could not show its part of this photo/);
    assert.deepEqual(others, []);
  }
  assert.equal(said.mock.callCount(), 3);
  assert.equal(said.mock.calls[0].arguments[0].message, "no such field");
  assert.deepEqual(guardedParts({ partsOf: facesOf }, details()), []);
});
