// The section of concepts among the details of a photo: whether it shows each of some, and a form to teach another one.

import { element, textButton } from "../shared/dom.js";
import { Judgements } from "./judgements.js";

/** @import { SectionModule } from "../types.d.ts" */
/** @import { Judged } from "./judgements.js" */

// `ofSearch` has the names of the concepts that photos are judged by; of a photo, the judgements by their names come.
/** @type {SectionModule["makeSection"]} */
export function makeSection({ known, askForm }) {
  const node = element("section", "part"), styles = element("link");
  Object.assign(styles, { rel: "stylesheet", href: new URL("./concepts.css", import.meta.url).href });
  const judgements = new Judgements((photo) => /** @type {Record<string, Judged>} */ (known(photo) ?? {}));
  let shown = "";
  const teach = textButton("Teach a concept", () => askForm("teach-photo", shown), "school", "button");
  node.append(styles, element("h2", "", "Concepts"), judgements.node, teach);
  return {
    node,
    show(photo, ofSearch) {
      shown = photo;
      judgements.update(photo, /** @type {string[]} */ (ofSearch));
    },
  };
}
