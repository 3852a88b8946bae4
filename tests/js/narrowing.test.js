// Where yes and no below a question about an answer lead.

import assert from "node:assert/strict";
import { test } from "node:test";
import "./page.js";

const { addressWith } = await import("../../imgsearch/features/narrowing/components/narrowing/narrowing.js");

test("a filter is added to the line, and the example stays", () => {
  assert.equal(addressWith({ q: "dog" }, "dog", "-on:2019"), "/?q=dog+-on%3A2019");
  assert.equal(addressWith({ photo: "7", region: "0,0,50,50" }, "", "on:2019"), "/?photo=7&region=0%2C0%2C50%2C50&q=on%3A2019");
});
