// What somebody chooses to keep of near-duplicates: shown at once, and sent one after the other.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage, until } from "./page.js";

let status = 200, hold = null;
const { requests } = await openPage("/similar", async () => {
  await hold;
  return { status, content: status === 200 ? null : "The library is locked." };
});
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
  assert.deepEqual(requests.map(({ method, address }) => [method, address]), [["PUT", "/operations/duplicates/choices"], ["DELETE", "/operations/duplicates/choices"]]);
});
