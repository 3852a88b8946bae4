// Questions for yes or no that split a long answer. They are asked for when the photos are shown, which wait for nothing:
// until then the line above them is empty.

import { isPlainClick, visit } from "../history/history.js";
import { askOperation, queryOf } from "../shared/ask.js";
import { countOf, element } from "../shared/dom.js";
import { mount } from "../shared/page.js";

/** @import { NarrowingQuestion } from "../operations.d.ts" */
/** @import { Parameters } from "../types.d.ts" */
/**
 * `line` is that of the search in normal form, and `version` changes whenever the photos of the answer do.
 * @typedef {{ search: Parameters, line: string, version: string }} Data
 */

class Questions {
  shown = ""; // the answer that the questions are about
  asked = new AbortController();

  /** @param {HTMLElement} box */
  constructor(box) {
    this.box = box;
    box.role = "group";
    box.ariaLabel = "Questions that narrow this search";
  }

  /** @param {Data} data */
  update(data) {
    const wanted = JSON.stringify([data.search, data.version]);
    if (wanted === this.shown) return;
    this.shown = wanted;
    this.load(data);
  }

  /** @param {Data} data */
  async load({ search, line }) {
    this.asked.abort();
    const { signal } = (this.asked = new AbortController());
    this.box.replaceChildren();
    this.box.hidden = false;
    const answer = await askOperation("narrow", { query: queryOf(search) ?? "" }, { signal });
    if (signal.aborted) return;
    // Without a reply there are none: whoever looks at the photos misses nothing.
    const questions = answer?.ok ? answer.content.questions : [];
    this.box.hidden = !questions.length;
    this.box.replaceChildren(...questions.map((each) => questionOf(each, search, line)));
  }

  close() { this.asked.abort(); }
}

/** @param {NarrowingQuestion} asked @param {Parameters} search @param {string} line */
function questionOf({ question, yes, no, photos, others }, search, line) {
  const node = element("span", "question");
  node.role = "group";
  node.ariaLabel = question;
  node.append(element("span", "", question));
  for (const [word, condition, count] of /** @type {const} */ ([["Yes", yes, photos], ["No", no, others]])) {
    const link = element("a", "", word), address = addressWith(search, line, condition);
    link.href = address;
    link.title = `${condition}: ${countOf(count)}`;
    link.onclick = (event) => { if (isPlainClick(event)) { event.preventDefault(); visit(address); } };
    node.append(link);
  }
  return node;
}

// The address of a search with one more filter, which holds for all of a line in normal form.
/** @param {Parameters} search @param {string} line @param {string} condition */
export const addressWith = (search, line, condition) => `/?${new URLSearchParams({ ...search, q: `${line} ${condition}`.trim() })}`;

export default mount(Questions);
