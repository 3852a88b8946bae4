// The section of concepts among the details of a photo: whether it shows each of some, and a form to teach another one.

import { element, textButton } from "../shared/dom.js";
import { Judgements } from "./judgements.js";

/** @import { SectionModule } from "../types.d.ts" */

// `ofSearch` has the names of the concepts that photos are judged by.
/** @type {SectionModule["makeSection"]} */
export function makeSection({ known, askForm }) {
  const node = element("section", "part");
  const judgements = new Judgements((photo) => known(photo)?.judged ?? {});
  let shown = "";
  const teach = textButton("Teach a concept", () => askForm("teach-photo", shown), "school", "button");
  node.append(element("h2", "", "Concepts"), judgements.node, teach);
  return {
    node,
    show(photo, ofSearch) {
      shown = photo;
      judgements.update(photo, /** @type {string[]} */ (ofSearch));
    },
  };
}
