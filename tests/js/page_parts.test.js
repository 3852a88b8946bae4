// What the components do with the page around them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "./page.js";

const { window } = await openPage("/");
const { isDark, isTyping, mount } = await import("../../ui/components/shared/page.js");

test("keys are typed into fields of text and choices, also inside a component, but not into boxes to tick", () => {
  const shown = document.createElement("div"), inside = document.createElement("div");
  shown.innerHTML = "<input><input type=checkbox><textarea></textarea><select></select><button></button><p contenteditable=true></p>";
  document.body.append(shown, inside);
  inside.attachShadow({ mode: "open" }).innerHTML = "<input>";
  let typing = null;
  const note = (event) => { typing = isTyping(event); };
  document.addEventListener("keydown", note);
  const typedInto = (node) => {
    node.dispatchEvent(new window.KeyboardEvent("keydown", { key: "x", bubbles: true, composed: true }));
    return typing;
  };
  assert.deepEqual([...shown.children].map(typedInto), [true, false, true, true, false, true]);
  assert.equal(typedInto(inside.shadowRoot.firstChild), true, "where listeners of the document see only the component");
  assert.equal(typedInto(document), false);
});

test("a page is dark where its text is light", () => {
  const node = document.createElement("p");
  document.body.append(node);
  node.style.color = "rgb(250, 250, 250)";
  assert.equal(isDark(node), true);
  node.style.color = "rgb(49, 51, 63)";
  assert.equal(isDark(node), false);
});

test("a component keeps one object in its element for all runs, and closes it when the element has gone", async () => {
  const said = [];
  class Part {
    constructor(_box, data) { said.push(["made", data]); }
    update(data, component) { said.push(["update", data, component.key]); }
    close() { said.push(["close"]); }
  }
  const box = document.createElement("div"), run = mount(Part);
  document.body.append(box);
  const end = run(box, { data: 1, key: "a" });
  end();
  await Promise.resolve();
  run(box, { data: 2, key: "b" });
  assert.deepEqual(said, [["made", 1], ["update", 1, "a"], ["update", 2, "b"]], "the end of a run is none of the view");
  box.remove();
  end();
  await Promise.resolve();
  assert.deepEqual(said.at(-1), ["close"]);
  document.body.append(box);
  run(box, { data: 3, key: "c" });
  assert.deepEqual(said.slice(-2), [["made", 3], ["update", 3, "c"]]);
});
