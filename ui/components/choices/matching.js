// The values that can be filtered by, and which of them have a name with these words.

import { printable } from "../shared/dom.js";

/** @import { FilterChoice, FilterChoices } from "../operations.d.ts" */
/** @typedef {{ title: string, icon: string, choices: Choice[] }} Kind */
/**
 * One value. `photos` includes those of the choices below it; `above` are the names of what it is in.
 * @typedef {{ label: string, field: string, value: string, photos: number, kind: Kind, above: string[], words: string[], below: Choice[] }} Choice
 */

/** @type {Record<string, string>} */
const LETTERS = { ß: "ss", æ: "ae", œ: "oe", ø: "o", đ: "d", ł: "l", ı: "i" };

// The words of a text without case and accents: "Genève" is found by "geneve".
/** @param {string} text */
export function wordsIn(text) {
  const plain = text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/[ßæœøđłı]/g, (letter) => LETTERS[letter]);
  return plain.split(/[^\p{L}\p{N}]+/u).filter(Boolean);
}

/** @type {[kind: Exclude<keyof FilterChoices, "of_features">, title: string, icon: string][]} */
const KINDS = [["folders", "Folders", "folder"], ["places", "Places", "place"], ["people", "People", "person"], ["keywords", "Keywords", "sell"]];

// The kinds that have choices.
/** @param {FilterChoices} choices */
export const kindsOf = (choices) => [
  ...KINDS.map(([name, title, icon]) => read(title, icon, choices[name])),
  ...choices.of_features.map(({ title, icon, choices: sent }) => read(title, icon, sent)),
].filter((kind) => kind.choices.length);

/** @param {string} title @param {string} icon @param {FilterChoice[]} sent */
function read(title, icon, sent) {
  /** @type {Kind} */
  const kind = { title, icon, choices: [] };
  kind.choices = sent.map((each) => choiceOf(each, kind, []));
  return kind;
}

/** @param {FilterChoice} sent @param {Kind} kind @param {string[]} above @returns {Choice} */
function choiceOf({ label: text, field, value, photos, below }, kind, above) {
  const label = printable(text);
  return { label, field, value, photos, kind, above, words: wordsIn(label), below: below.map((each) => choiceOf(each, kind, [...above, label])) };
}

// The choices in which each word begins a word of the name: first those with a name that begins with them, then those
// with more photos.
/** @param {Kind[]} kinds @param {string[]} words */
export function matching(kinds, words) {
  /** @param {Choice} choice @returns {Choice[]} */
  const withBelow = (choice) => [choice, ...choice.below.flatMap(withBelow)];
  const found = kinds.flatMap(({ choices }) => choices.flatMap(withBelow))
    .filter((choice) => words.every((word) => choice.words.some((part) => part.startsWith(word))))
    .map((choice) => ({ choice, rank: Number(choice.words[0].startsWith(words[0])) }));
  return found.sort((a, b) => b.rank - a.rank || b.choice.photos - a.choice.photos).map(({ choice }) => choice);
}
