// What somebody chooses to keep of near-duplicates: shown at once, and sent one after the other.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage, until } from "./page.js";

let status = 200, hold = null;
const chosen = {}; // what the server has, by id
const { requests } = await openPage("/similar", async ({ method, body }) => {
  await hold;
  if (status !== 200) return { status, content: "The library is locked." };
  if (method === "GET") return { content: { ...chosen } };
  if (method === "PUT") { chosen[body.photo_id] = body.is_kept; return { content: null }; }
  const ids = Object.keys(chosen);
  for (const id of ids) delete chosen[id];
  return { content: ids.length };
});
const { TOLD, tray } = await import("../../ui/components/shared/tray.js");
const { CHOSEN, choices } = await import("../../imgsearch/features/duplicates/components/similar/choices.js");
const photo = (id, keep) => ({ id, keep, reason: "" });

test("a choice shows at once, is recorded by an operation, and counts until the server has answered", async () => {
  choices.set("1", false);
  assert.equal(choices.isKept(photo("1", true)), false);
  assert.equal(choices.isKept(photo("2", true)), true);
  await choices.settled();
  assert.deepEqual(requests, [{ method: "PUT", address: "/operations/duplicates/choices", body: { photo_id: 1, is_kept: false } }]);
  assert.equal(choices.isKept(photo("1", true)), true, "from then on the server says so");
});

test("what the server cannot take now is sent again", async () => {
  requests.length = 0;
  status = 503;
  choices.set("3", true);
  await until(() => requests.length > 0, "the first request");
  assert.equal(choices.isKept(photo("3", false)), true);
  assert.equal(sessionStorage.getItem("imgsearch.choices"), '[["3",true]]');
  status = 200;
  await choices.settled();
  assert.deepEqual(requests.at(-1).body, { photo_id: 3, is_kept: true });
  assert.equal(sessionStorage.getItem("imgsearch.choices"), "[]");
});

test("a photo that is clicked again while its choice is on its way is sent again", async () => {
  let go;
  hold = new Promise((resolve) => { go = resolve; });
  requests.length = 0;
  choices.set("9", true);
  await until(() => requests.length === 1, "the first request");
  choices.set("9", false);
  hold = null;
  go();
  await choices.settled();
  assert.deepEqual(requests.map(({ body }) => body.is_kept), [true, false]);
});

test("a refusal is told, and not sent again", async () => {
  requests.length = 0;
  status = 409;
  const told = [];
  choices.addEventListener(CHOSEN, ({ detail }) => told.push([detail.id, detail.answer.content]), { once: true });
  choices.set("4", true);
  await choices.settled();
  assert.deepEqual(told, [["4", "The library is locked."]]);
  assert.equal(requests.length, 1);
  status = 200;
});

test("to forget all choices, those on their way are recorded first", async () => {
  requests.length = 0;
  choices.set("5", false);
  await choices.forget();
  assert.deepEqual(requests.map(({ method }) => method), ["PUT", "GET", "DELETE"]);
  assert.ok(requests.every(({ address }) => address === "/operations/duplicates/choices"));
});

test("Undo takes a choice back, and chooses anew what was forgotten", async () => {
  tray.done = [];
  const told = [];
  tray.addEventListener(TOLD, ({ detail }) => told.push(detail));
  choices.choose(photo("6", true), false);
  await choices.settled();
  assert.deepEqual(chosen, { 6: false });
  await tray.undo();
  await choices.settled();
  assert.deepEqual(chosen, { 6: true });
  choices.choose(photo("7", true), false);
  await choices.forget();
  assert.deepEqual(chosen, {});
  assert.equal(told.at(-1).text, "Forgot 2 choices among near-duplicates");
  await tray.undo(told.at(-1).takesBack);
  assert.deepEqual(chosen, { 6: true, 7: false });
});
