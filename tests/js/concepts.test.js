// The section of concepts among the details of a photo, and what the bar of selected photos offers.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "./page.js";

await openPage("/photo");
const folder = "../../imgsearch/features/concepts/components/concepts";
const { makeSection } = await import(`${folder}/section.js`);
const { forSelection } = await import(`${folder}/actions.js`);
const { ASKED_FORM, tray } = await import("../../ui/components/shared/tray.js");

test("a photo is judged by the concepts of the search, as soon as its details have come", () => {
  const details = {}, asked = [];
  const section = makeSection({ known: (photo) => details[photo], askForm: (...form) => asked.push(form) });
  section.show("7", ["lake", "dog"]);
  const rows = () => [...section.node.querySelectorAll("[role=group]")]
    .map((row) => [row.ariaLabel, ...[...row.querySelectorAll("button")].map((each) => each.ariaPressed)]);
  assert.deepEqual(rows(), [["lake", "false", "false"], ["dog", "false", "false"]]);
  details[7] = { judged: { dog: false } };
  section.show("7", ["lake", "dog"]);
  assert.deepEqual(rows(), [["lake", "false", "false"], ["dog", "false", "true"]]);
  section.show("8", ["lake"]);
  assert.deepEqual(rows(), [["lake", "false", "false"]]);
  [...section.node.querySelectorAll("button")].at(-1).click();
  assert.deepEqual(asked, [["teach-photo", "8"]], "of the photo that is shown now");
});

test("a concept is taught by the selected photos where the library has files", () => {
  const asked = [];
  tray.addEventListener(ASKED_FORM, ({ detail }) => asked.push(detail));
  tray.parts = new Set(["tray"]);
  assert.deepEqual(forSelection(), []);
  tray.parts = new Set(["tray", "files"]);
  const [{ label, isMinor, act }] = forSelection();
  assert.deepEqual([label, isMinor], ["Teach from these", true]);
  act();
  assert.deepEqual(asked, ["teach"]);
});
