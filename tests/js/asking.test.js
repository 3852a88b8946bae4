// Requests to the page's server, and to know when the page has to be drawn anew.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage, until } from "./page.js";

let answer = () => ({ content: {} });
const { requests } = await openPage("/", (request) => answer(request));
const { ask, askOperation, deleteByOperation, isLost, readOperation } = await import("../../ui/components/shared/ask.js");
const { Polling } = await import("../../ui/components/shared/drawing.js");

test("an answer is what the server has sent, parsed if it is JSON; of a refusal, its sentence", async () => {
  answer = ({ address }) => (address === "/good" ? { content: [1, 2] } : { status: 409, content: "The library is locked." });
  assert.deepEqual(await ask("/good"), { ok: true, status: 200, content: [1, 2] });
  assert.deepEqual(await ask("/locked"), { ok: false, status: 409, content: "The library is locked." });
});

test("a request that is given up, or a server that is away, has no answer", async () => {
  const request = new AbortController();
  request.abort();
  assert.equal(await ask("/good", { signal: request.signal }), null);
  assert.equal(isLost(new TypeError("Failed to fetch")), true);
  assert.equal(isLost(new DOMException("", "AbortError")), true);
  assert.equal(isLost(new SyntaxError("not JSON")), false);
  assert.equal(isLost(null), false);
});

test("an operation is asked for by its path, its parameters or its body", async () => {
  requests.length = 0;
  answer = () => ({ content: [] });
  await readOperation("albums");
  await readOperation("corrections/places", { text: "São Paulo", k: 6 });
  await readOperation("people/{person_id}/faces", { person_id: 7, k: 3 });
  await askOperation("albums/add", { name: "Book", photo_ids: [1] });
  await deleteByOperation("past-queries");
  assert.deepEqual(requests, [
    { method: "GET", address: "/operations/albums", body: null },
    { method: "GET", address: "/operations/corrections/places?text=S%C3%A3o+Paulo&k=6", body: null },
    { method: "GET", address: "/operations/people/7/faces?k=3", body: null },
    { method: "PUT", address: "/operations/albums/add", body: { name: "Book", photo_ids: [1] } },
    { method: "DELETE", address: "/operations/past-queries", body: null },
  ]);
});

// A poller whose requests can be waited for.
function pollingOf(isOutdated, draw) {
  const polling = new Polling(1, "/state", isOutdated, draw), polls = [];
  polling.poll = () => { const poll = Polling.prototype.poll.call(polling); polls.push(poll); return poll; };
  return { polling, polls };
}

test("the page is drawn anew once while it is outdated, and not again before it had time for that", async () => {
  requests.length = 0;
  answer = () => ({ content: { state: "new" } });
  let drawn = 0;
  const { polling, polls } = pollingOf(({ state }) => state !== "old", () => { drawn += 1; });
  await until(() => requests.length > 5, "several answers");
  assert.equal(drawn, 1);
  polling.drawn();
  const before = requests.length;
  await until(() => requests.length > before + 2, "further answers");
  assert.equal(drawn, 2, "it was drawn with another state, and is outdated again");
  polling.close();
  await Promise.all(polls);
  const last = polls.length;
  await new Promise((resolve) => { setTimeout(resolve, 50); }); // another one would come after a millisecond
  assert.equal(polls.length, last, "it asks no more");
});

test("each request to draw the page waits twice as long as the one before", async (context) => {
  let now = 0, drawn = 0;
  context.mock.method(performance, "now", () => now);
  answer = () => ({ content: { state: "new" } });
  const { polling, polls } = pollingOf(({ state }) => state !== "old", () => { drawn += 1; });
  const drawnAt = async (ms) => {
    now = ms;
    const asked = requests.length;
    await until(() => requests.length > asked + 2, "further answers");
    return drawn;
  };
  assert.deepEqual([await drawnAt(0), await drawnAt(4999), await drawnAt(5000), await drawnAt(14_999), await drawnAt(15_000)], [1, 1, 2, 2, 3]);
  polling.close();
  await Promise.all(polls);
});

test("an answer that comes when nobody asks any more has nothing drawn", async () => {
  let go, drawn = 0;
  const held = new Promise((resolve) => { go = resolve; });
  requests.length = 0;
  answer = async () => { await held; return { content: { state: "new" } }; };
  const { polling, polls } = pollingOf(({ state }) => state !== "old", () => { drawn += 1; });
  await until(() => requests.length === 1, "the request");
  polling.close();
  go();
  await Promise.all(polls);
  assert.equal(drawn, 0);
});

test("a page that is up to date, or a server that refuses, has nothing drawn", async () => {
  let drawn = 0;
  requests.length = 0;
  answer = () => (requests.length % 2 ? { content: { state: "old" } } : { status: 503, content: "busy" });
  const { polling, polls } = pollingOf(({ state }) => state !== "old", () => { drawn += 1; });
  await until(() => requests.length > 4, "several answers");
  polling.close();
  await Promise.all(polls);
  assert.equal(drawn, 0);
});
