// Why a search found a photo, in rows of a name and a text, of what the library explains.

import { printable } from "../shared/dom.js";

/** @import { ConceptVerdict, Explanation } from "../operations.d.ts" */
/** @import { Rows } from "./details.js" */

/** @param {Explanation} explanation @returns {Rows} */
export function rowsOfExplanation({ rank, score, shares, filters, concepts }) {
  const /** @type {Rows} */ rows = rank ? [["Rank", rank.toLocaleString("en")]] : [];
  for (const each of concepts) rows.push([`concept:${each.name}`, verdictOf(each)]);
  if (score !== null) rows.push(["Score", score.toFixed(3)]);
  for (const { term, share, cosine } of shares) rows.push([term, `adds ${share < 0 ? "" : "+"}${share.toFixed(3)} (alone ${cosine.toFixed(3)})`]);
  for (const { filter, passes } of filters) rows.push([filter, passes ? "matches" : "does not match"]);
  return rows.map(([name, value]) => [printable(name), value]);
}

/** @param {ConceptVerdict} verdict */
function verdictOf({ level, probability, judged }) {
  const taught = judged === null ? "" : `, and was taught as ${judged ? "an example" : "unlike it"}`;
  return `is ${level ?? "not likely"} here (probability ${probability.toFixed(2)})${taught}`;
}
