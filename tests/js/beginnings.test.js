// What is bold in a suggestion.

import assert from "node:assert/strict";
import { test } from "node:test";
import { beginnings } from "../../ui/components/search_field/beginnings.js";

const bold = (text, typed) => beginnings(text, typed).map(([beginning, rest]) => (beginning ? `<${beginning}>${rest}` : rest)).join("");

test("the beginnings of words that were typed last are marked, each time", () => {
  assert.equal(bold("Lake Lugano, lakeside", "two kids lak"), "<Lak>e Lugano, <lak>eside");
  assert.equal(bold("Lake Lugano", "ake"), "Lake Lugano", "in the middle of a word");
});

test("what is typed after a colon, a quotation mark or a bar is a word of its own", () => {
  for (const typed of ["person:an", 'person:"an', "person:tom|an"]) assert.equal(bold("Anna", typed), "<An>na", typed);
});

test("case and accents do not count, and all of a letter with its accent is marked", () => {
  assert.equal(bold("Genève", "GENE"), "<Genè>ve".normalize());
  assert.equal(bold("Gene\u0300ve", "gene"), "<Gene>\u0300ve".normalize("NFD"), "an accent that is a character of its own follows");
});

test("nothing is marked before anything is typed", () => {
  assert.deepEqual(beginnings("Lake Lugano", ""), [["", "Lake Lugano"]]);
  assert.deepEqual(beginnings("Lake Lugano", "person:"), [["", "Lake Lugano"]]);
});

test("the text is whole, whatever is marked", () => {
  for (const typed of ["l", "lu", "x", "…", "ö "]) {
    assert.equal(beginnings("Lake, Lugano – öl", typed).flat().join(""), "Lake, Lugano – öl", typed);
  }
});
