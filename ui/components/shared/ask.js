// Asks the server of the page.

/** @import { GetOperations, PostOperations } from "../operations.d.ts" */
/** @import { Response } from "../types.d.ts" */

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

// Asks for an operation of the library that reads: see ui/keeping.py.
/** @template {keyof GetOperations} Path @param {Path} path @param {Record<string, string>} [parameters] @returns {Promise<Response<GetOperations[Path]["answer"]> | null>} */
export function readOperation(path, parameters = {}) {
  const query = new URLSearchParams(parameters).toString();
  return ask(`/operations/${path}${query && `?${query}`}`);
}

// Asks for an operation that is given a body.
/** @template {keyof PostOperations} Path @param {Path} path @param {PostOperations[Path]["request"]} body @returns {Promise<Response<PostOperations[Path]["answer"]> | null>} */
export function askOperation(path, body) {
  const text = JSON.stringify(body);
  // A browser lets small requests end although the page is being left.
  return ask(`/operations/${path}`, { method: "PUT", body: text, keepalive: text.length < 30_000 });
}
