// Questions for yes or no that split a long answer. They are asked for when the photos are shown, which wait for nothing:
// until then the line above them is empty.

import { isPlainClick, visit } from "../history/history.js";
import { ask } from "../shared/ask.js";
import { element } from "../shared/dom.js";
import { mount } from "../shared/page.js";

/** @import { Parameters } from "../types.d.ts" */
/** @typedef {{ search: Parameters, version: string }} Data `version` changes whenever the photos of the answer do */
/** @typedef {{ word: string, explanation: string, address: string }} NarrowedSearch yes or no, and where it leads */
/** @typedef {{ question: string, answers: NarrowedSearch[] }} Question */

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
  update({ search, version }) {
    const wanted = JSON.stringify([search, version]);
    if (wanted === this.shown) return;
    this.shown = wanted;
    this.load(search);
  }

  /** @param {Parameters} search */
  async load(search) {
    this.asked.abort();
    const { signal } = (this.asked = new AbortController());
    this.box.replaceChildren();
    this.box.hidden = false;
    const answer = await ask(`/narrowing/questions?${new URLSearchParams(search)}`, { signal });
    if (signal.aborted) return;
    // Without a reply there are none: whoever looks at the photos misses nothing.
    const /** @type {Question[]} */ questions = answer?.ok ? answer.content : [];
    this.box.hidden = !questions.length;
    this.box.replaceChildren(...questions.map(drawn));
  }

  close() { this.asked.abort(); }
}

/** @param {Question} question */
function drawn({ question, answers }) {
  const node = element("span", "question");
  node.role = "group";
  node.ariaLabel = question;
  node.append(element("span", "", question), ...answers.map(linkOf));
  return node;
}

/** @param {NarrowedSearch} narrowed */
function linkOf({ word, explanation, address }) {
  const link = element("a", "", word);
  link.href = address;
  link.title = explanation;
  link.onclick = (event) => { if (isPlainClick(event)) { event.preventDefault(); visit(address); } };
  return link;
}

export default mount(Questions);
