// Asks the server of the page.

/** @import { DeleteOperations, ExampleBody, GetOperations, PostOperations, QueryBody, RegionBody } from "../operations.d.ts" */
/** @import { Parameters, Response } from "../types.d.ts" */
/** @typedef {string | QueryBody | null} Asked a query as operations take it; null for all photos */

export const NO_SERVER = "The page's server does not answer. Is imgsearch ui still running?";

// Returns { ok, status, content }, in which content is what the server has sent, parsed if it is JSON; null where the
// server does not answer, the request was aborted, or the page is being left, which Firefox reports as an error.
/** @template Content @param {string | URL} address @param {RequestInit} [options] @returns {Promise<Response<Content> | null>} */
export async function ask(address, options) {
  try {
    const response = await fetch(address, options);
    const isJson = response.headers.get("content-type")?.includes("json");
    const content = await (isJson ? response.json() : response.text());
    return { ok: response.ok, status: response.status, content };
  } catch (error) {
    if (!isLost(error)) throw error;
    return null;
  }
}

// Whether the request was aborted, or its server could not be reached.
/** @param {unknown} error */
export const isLost = (error) => error instanceof TypeError || (error instanceof Error && error.name === "AbortError");

// Asks for an operation of the library by GET, at its path as it is declared: see ui/operations.py. Fields that the path
// names are put into it. `options` are those of a request, such as the signal that ends it.
/** @template {keyof GetOperations} Path @param {Path} path @param {GetOperations[Path]["request"]} [fields] @param {RequestInit} [options] @returns {Promise<Response<GetOperations[Path]["answer"]> | null>} */
export function readOperation(path, fields, options) {
  const given = new Map(Object.entries(fields ?? {}).map(([name, value]) => [name, String(value).toWellFormed?.() ?? String(value)]));
  const filled = path.replace(/\{(\w+)\}/g, (_, name) => {
    const value = given.get(name) ?? "";
    given.delete(name);
    return encodeURIComponent(value);
  });
  const query = new URLSearchParams([...given]).toString();
  return ask(`/operations/${filled}${query && `?${query}`}`, options);
}

// Asks for an operation by DELETE.
/** @template {keyof DeleteOperations} Path @param {Path} path @returns {Promise<Response<DeleteOperations[Path]["answer"]> | null>} */
export const deleteByOperation = (path) => ask(`/operations/${path}`, { method: "DELETE" });

// Asks for an operation by POST, which is given a body. `options` are as above.
/** @template {keyof PostOperations} Path @param {Path} path @param {PostOperations[Path]["request"]} body @param {RequestInit} [options] @returns {Promise<Response<PostOperations[Path]["answer"]> | null>} */
export function askOperation(path, body, options) {
  const text = JSON.stringify(body);
  // A browser lets small requests end although the page is being left.
  return ask(`/operations/${path}`, { method: "PUT", body: text, keepalive: text.length < 30_000, ...options });
}

// The query of these parameters of an address: a line, or a line with an image that is kept or a photo as an example. Null
// where nothing is searched for, which means all photos.
/** @param {Parameters} parameters @returns {Asked} */
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
