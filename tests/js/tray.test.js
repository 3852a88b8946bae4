// The photos that are selected and their marks: shown at once, sent one after the other, and never lost.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage, until } from "./page.js";

// A library behind the page's server, as far as the tray asks it.
const library = { tray: new Set(), missing: [], marks: {}, changes: [], status: 200, hold: null };
const change = (title, undo) => {
  const id = library.changes.length + 1;
  library.changes.push({ id, undo });
  return { content: { id, title, photos: 1, changed_at: "2026-12-01T10:00:00+01:00", undone: false } };
};
const answers = {
  "GET /operations/tray": () => ({ content: { name: "", photo_ids: [...library.tray], missing_ids: library.missing } }),
  "PUT /operations/tray/add": ({ photo_ids: ids }) => {
    for (const id of ids) library.tray.add(id);
    return change(`${ids.length} selected`, () => { for (const id of ids) library.tray.delete(id); });
  },
  "PUT /operations/tray/take-out": ({ photo_ids: ids }) => {
    for (const id of ids) library.tray.delete(id);
    return change("Taken out", () => {});
  },
  "PUT /operations/tray/clear": () => {
    const before = [...library.tray];
    library.tray.clear();
    return change("Cleared", () => { for (const id of before) library.tray.add(id); });
  },
  "PUT /operations/marks": ({ photo_ids: ids, ...marks }) => {
    const before = { ...library.marks };
    for (const id of ids) library.marks[id] = { ...library.marks[id], ...marks };
    return change("Marked", () => { library.marks = before; });
  },
  "PUT /operations/marks/of": () => ({ content: library.marks }),
  "PUT /operations/changes/undo": ({ change_id: id }) => {
    library.changes[id - 1].undo();
    return { content: { id, title: "Marked", photos: 1, changed_at: "", undone: true } };
  },
};

const { requests } = await openPage("/", async ({ method, address, body }) => {
  await library.hold;
  if (library.status !== 200) return { status: library.status, content: "The library is locked. Try again in a moment." };
  return answers[`${method} ${address}`](body);
});
const { CHANGED, MARKED, TOLD, tray } = await import("../../ui/components/shared/tray.js");
const told = [];
tray.addEventListener(TOLD, ({ detail }) => told.push(detail));
const sent = (path) => requests.filter(({ address }) => address === `/operations/${path}`);

test("a photo that is selected before the page knows the library is shown at once, and sent afterwards", async () => {
  let changes = 0;
  tray.addEventListener(CHANGED, () => { changes += 1; });
  tray.set(["1", "2"], true);
  assert.equal(tray.size, 2);
  assert.equal(changes, 1);
  assert.equal(requests.length, 0);
  tray.begin(["tray", "marks", "changes"]);
  await tray.settled();
  assert.deepEqual([...library.tray], [1, 2]);
});

test("photos that are selected while a request is under way go with the next one, all together", async () => {
  let go;
  library.hold = new Promise((resolve) => { go = resolve; });
  tray.set(["3"], true);
  await until(() => sent("tray/add").length === 2, "the request for the third photo");
  tray.set(["4"], true);
  tray.set(["5"], true);
  tray.set(["4"], false);
  library.hold = null;
  go();
  await tray.settled();
  assert.deepEqual(sent("tray/add").slice(2).map(({ body }) => body.photo_ids), [[5]]);
  assert.deepEqual(sent("tray/take-out").map(({ body }) => body.photo_ids), [[4]]);
  assert.deepEqual([...tray.ids].sort(), ["1", "2", "3", "5"]);
});

test("what cannot be sent is kept by the tab, and sent again", async () => {
  library.status = 503;
  const before = sent("tray/add").length;
  tray.set(["6"], true);
  await until(() => sent("tray/add").length > before, "the first request");
  assert.deepEqual(JSON.parse(sessionStorage.getItem("imgsearch.pending")), [["6", true]]);
  library.status = 200;
  await tray.settled();
  assert.ok(library.tray.has(6));
  assert.equal(sessionStorage.getItem("imgsearch.pending"), "[]");
});

test("a selection that the library refuses is taken back, with its reason", async () => {
  library.status = 409;
  told.length = 0;
  tray.set(["7"], true);
  await until(() => told.length > 0, "the reason");
  assert.deepEqual(told[0], { text: "The library is locked. Try again in a moment.", isProblem: true });
  library.status = 200;
  await tray.settled();
  await tray.load();
  assert.equal(tray.isSelected("7"), false);
});

test("photos without a file are counted apart, and said once", async () => {
  told.length = 0;
  library.missing = [8];
  await tray.load();
  await tray.load();
  assert.equal(tray.missing, 1);
  assert.deepEqual(told.map(({ text }) => text), ["1 photo of the selection has no file any more, and is left out until it comes back."]);
  library.missing = [];
  await tray.load();
});

test("clearing can be undone, and says how many there were", async () => {
  told.length = 0;
  const before = [...library.tray].sort();
  await tray.clear();
  assert.equal(tray.size, 0);
  assert.equal(library.tray.size, 0);
  assert.equal(told[0].text, `${before.length} photos cleared`);
  await tray.undo();
  assert.deepEqual([...library.tray].sort(), before);
  assert.deepEqual([...tray.ids].map(Number).sort(), before);
});

const photo = { id: "1", marks: { favourite: false, rating: null, hidden: false, of_file: 3 } };

test("a key is a change of marks: the same stars again take them away", () => {
  const rated = { ...photo, id: "90", marks: { ...photo.marks, favourite: true, rating: 4 } };
  assert.deepEqual(tray.changeOf("f", photo), { favourite: true });
  assert.deepEqual(tray.changeOf("f", rated), { favourite: false });
  assert.deepEqual(tray.changeOf("h", photo), { hidden: true });
  assert.deepEqual(tray.changeOf("5", rated), { rating: 5 });
  assert.deepEqual(tray.changeOf("4", rated), { rating: null });
  for (const key of ["6", "x", "Enter"]) assert.equal(tray.changeOf(key, photo), null, key);
  assert.equal(tray.changeOf("f", null), null);
});

test("a mark shows at once, and what the files state stays", async () => {
  const marked = [];
  tray.addEventListener(MARKED, ({ detail }) => marked.push(detail));
  const made = tray.mark([photo], { favourite: true });
  assert.deepEqual(tray.marksOf(photo), { favourite: true, rating: null, hidden: false, of_file: 3 });
  assert.deepEqual(marked, [["1"]]);
  await made;
  assert.deepEqual(library.marks, { 1: { favourite: true } });
});

test("a mark that the library refuses goes back to what it was, with the reason", async () => {
  library.status = 409;
  told.length = 0;
  await tray.mark([photo], { favourite: false });
  assert.equal(tray.marksOf(photo).favourite, true);
  assert.equal(told[0].isProblem, true);
  library.status = 200;
});

test("marks of photos that are not known here are left alone: only what was said is changed", async () => {
  await tray.mark([{ id: "50" }], { hidden: true });
  const shown = { id: "50", marks: { favourite: true, rating: 5, hidden: false, of_file: null } };
  assert.deepEqual(tray.marksOf(shown), { favourite: true, rating: 5, hidden: true, of_file: null });
  assert.deepEqual(sent("marks").at(-1).body, { photo_ids: [50], hidden: true });
});

test("an undo takes back the last change of this tab; without one it says so", async () => {
  await tray.undo();
  assert.equal(library.marks[50], undefined);
  assert.equal(told.at(-1).text, "Undone: Marked");
  tray.done = [];
  await tray.undo();
  assert.deepEqual(told.at(-1), { text: "There is nothing to undo here.", hasChanges: true });
});
