// The faces in a photo, in the viewer: each leads to its person, or to more of that face.

import { isPlainClick, visit } from "../history/history.js";
import { element, printable } from "../shared/dom.js";

/** @import { FaceInPhoto, PhotoDetails } from "../operations.d.ts" */

const MOST_FACES = 24;

/** @param {PhotoDetails} details */
export function partsOf({ faces }) {
  if (!faces.length) return [];
  const part = element("section", "part"), row = element("div", "row");
  row.append(...faces.slice(0, MOST_FACES).map(linkOf));
  part.append(element("h2", "", "Faces"), row);
  return [part];
}

// A face that is in no group was seen once.
/** @param {FaceInPhoto} face */
function linkOf({ id, person_id: person, name }) {
  const isSingle = person === null, link = element("a", "face"), image = element("img");
  Object.assign(image, { src: `/face/small/${id}`, alt: "" });
  link.href = `/people?${isSingle ? `face=${id}` : `person=${person}`}`;
  link.title = isSingle ? "The faces most like this one, to say who it is" : "All faces of this person";
  link.append(image, element("span", "", isSingle ? "More of this face" : printable(name ?? "Who is this?")), ...(isSingle ? [element("span", "once", "Seen once")] : []));
  link.onclick = (event) => { if (isPlainClick(event)) { event.preventDefault(); visit(link.getAttribute("href") ?? ""); } };
  return link;
}
