// Whether a photo shows a concept, as the viewer asks and the library learns it.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { openPage, until } from "./page.js";

let answer = () => ({ content: {} });
const { requests } = await openPage("/photo", (request) => answer(request));
const { tray } = await import("../../ui/components/shared/tray.js");
const { Judgements } = await import("../../imgsearch/features/concepts/components/concepts/judgements.js");

let known, judgements;
beforeEach(() => {
  requests.length = 0;
  answer = () => ({ content: {} });
  known = { 7: { lake: true } };
  judgements = new Judgements((id) => known[id] ?? {});
  judgements.update("7", ["lake", "dog"]);
});

const buttonOf = (concept, label) => [...judgements.node.querySelectorAll("[role=group]")]
  .find((row) => row.ariaLabel === concept).querySelectorAll("button")[label === "Yes" ? 0 : 1];
const pressed = (concept) => ["Yes", "No"].filter((label) => buttonOf(concept, label).ariaPressed === "true");
const bodies = () => requests.map(({ body }) => body);

test("what the library knows is shown, and a click teaches the concept by the photo that is shown", async () => {
  assert.deepEqual([pressed("lake"), pressed("dog")], [["Yes"], []]);
  buttonOf("dog", "No").click();
  assert.deepEqual(pressed("dog"), ["No"], "at once");
  judgements.update("8", ["lake", "dog"]);
  buttonOf("dog", "Yes").click();
  await judgements.sent;
  assert.deepEqual(bodies(), [{ name: "dog", unlike: [{ photo_id: 7 }] }, { name: "dog", like: [{ photo_id: 8 }] }]);
  assert.equal(requests[0].address, "/operations/concepts/teach");
});

test("the same thumb again takes the judgement back", async () => {
  buttonOf("lake", "Yes").click();
  assert.deepEqual(pressed("lake"), []);
  await judgements.sent;
  assert.deepEqual(bodies(), [{ name: "lake", withdraw: [{ photo_id: 7 }] }]);
});

test("Undo says again what was said before", async () => {
  tray.done = [];
  buttonOf("dog", "No").click();
  await judgements.sent;
  judgements.update("8", ["lake", "dog"]);
  assert.deepEqual(pressed("dog"), []);
  await tray.undo();
  assert.deepEqual(bodies().at(-1), { name: "dog", withdraw: [{ photo_id: 7 }] });
  judgements.update("7", ["lake", "dog"]);
  assert.deepEqual(pressed("dog"), []);
  assert.deepEqual(tray.done, [], "it is taken back once");
});

test("a judgement that is refused goes back to what it was, with the reason", async () => {
  answer = () => ({ status: 409, content: "Another process is writing." });
  buttonOf("lake", "No").click();
  assert.deepEqual(pressed("lake"), ["No"]);
  await judgements.sent;
  assert.deepEqual(pressed("lake"), ["Yes"]);
  assert.equal(judgements.status.textContent, "Another process is writing.");
});

test("a refusal that comes late does not undo what was clicked since", async () => {
  let go;
  const held = new Promise((resolve) => { go = resolve; });
  answer = async () => { await held; return requests.length === 1 ? { status: 409, content: "Busy." } : { content: {} }; };
  buttonOf("dog", "Yes").click();
  await until(() => requests.length === 1, "the first request");
  buttonOf("dog", "No").click();
  go();
  await judgements.sent;
  assert.deepEqual(pressed("dog"), ["No"]);
  assert.equal(requests.length, 2, "one after the other");
});
