// What the search box leads to in each view.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { openPage } from "./page.js";

const { window } = await openPage("/");
const { addressKeepingSearch, addressOfImage, goToSearchBox, searchBoxHasCome, searchDoes, typeInto } = await import("../../ui/components/shared/search_box.js");

beforeEach(() => {
  searchDoes({ "/": "leads", "/timeline": "narrows", "/map": "narrows", "/library": "none" });
  history.replaceState(null, "", "/timeline?q=lake&image=ab&from=2019&at=7");
});

test("another view keeps what is searched for, also one without a box; a photo is about something else", () => {
  assert.equal(addressKeepingSearch("/map"), "/map?q=lake&image=ab", "but nothing else of the address");
  assert.equal(addressKeepingSearch("/library"), "/library?q=lake&image=ab");
  history.replaceState(null, "", "/library?q=lake");
  assert.equal(addressKeepingSearch("/map"), "/map?q=lake");
  assert.equal(addressKeepingSearch("/"), "/");
  assert.equal(addressKeepingSearch("/unknown"), "/unknown");
  history.replaceState(null, "", "/?q=lake");
  assert.equal(addressKeepingSearch("/map"), "/map");
  history.replaceState(null, "", "/timeline");
  assert.equal(addressKeepingSearch("/map"), "/map");
});

test("an image narrows a view that can be narrowed, by the words in the box too; else it leads to the results", () => {
  assert.equal(addressOfImage("xy"), "/timeline?q=lake&image=xy");
  history.replaceState(null, "", "/library?q=lake");
  assert.equal(addressOfImage("xy"), "/?image=xy");
});

test("a view without a box is left for the results, and what is typed until the box comes is typed into it", () => {
  history.replaceState(null, "", "/library?q=lake&x=1");
  goToSearchBox();
  assert.equal(location.pathname + location.search, "/?q=lake");
  for (const key of ["d", "u", "Backspace", "o", "g", "Shift"]) dispatchEvent(new window.KeyboardEvent("keydown", { key }));
  const field = document.createElement("input"), inputs = [];
  field.addEventListener("input", () => inputs.push(field.value));
  document.body.append(field);
  searchBoxHasCome(field);
  assert.equal(field.value, "dog");
  assert.deepEqual(inputs, ["dog"], "as one input, which Streamlit takes");
  dispatchEvent(new window.KeyboardEvent("keydown", { key: "s" }));
  assert.equal(field.value, "dog", "from then on the browser types");
});

test("what was typed is lost to another view that was opened meanwhile", () => {
  const field = document.createElement("input");
  goToSearchBox();
  dispatchEvent(new window.KeyboardEvent("keydown", { key: "d" }));
  history.replaceState(null, "", "/map");
  dispatchEvent(new window.PopStateEvent("popstate"));
  searchBoxHasCome(field);
  assert.equal(field.value, "");
  const around = document.createElement("div"), inputs = [];
  around.addEventListener("input", ({ target }) => inputs.push(target.value)); // as React listens
  around.append(field);
  document.body.append(around);
  typeInto(field, "cat");
  assert.deepEqual(inputs, ["cat"]);
});
