// What the address of a view searches for, as the operations of the library take it.

/** @import { ExampleBody, QueryBody, RegionBody } from "../operations.d.ts" */
/** @import { Parameters } from "../types.d.ts" */

// The query of these parameters of an address: a line, or a line with an image that is kept or a photo as an example. Null
// where nothing is searched for, which means all photos.
/** @param {Parameters} parameters @returns {string | QueryBody | null} */
export function queryOf({ q = "", image = "", photo = "", region = "" }) {
  if (!image && !photo) return q.trim() ? q : null;
  const /** @type {ExampleBody} */ example = image ? { kept_image: image } : { photo_id: Number(photo) };
  return { line: q, terms: [{ ...example, region: regionOf(region) }] };
}

// "10,20,30.5,40" in an address: left, top, width and height in percent. Null for the whole image.
/** @param {string} text @returns {RegionBody | null} */
function regionOf(text) {
  const sides = text.split(",").map((side) => (side.trim() ? Number(side) : NaN)), [x, y, width, height] = sides;
  const isRegion = sides.length === 4 && sides.every((side) => side >= 0 && side <= 100) && width > 0 && height > 0;
  return isRegion ? { x, y, width, height, percent: true } : null;
}
