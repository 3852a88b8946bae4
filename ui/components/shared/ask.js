// Asks the server of the page.

export const NO_SERVER = "The page's server does not answer. Is imgsearch ui still running?";

// Returns { ok, status, content }, in which content is what the server has sent, parsed if it is JSON; null where the
// server does not answer, the request was aborted, or the page is being left, which Firefox reports as an error.
export async function ask(address, options) {
  try {
    const response = await fetch(address, options);
    const isJson = response.headers.get("content-type")?.includes("json");
    const content = await (isJson ? response.json() : response.text());
    return { ok: response.ok, status: response.status, content };
  } catch (error) {
    if (error.name !== "AbortError" && !(error instanceof TypeError)) throw error;
    return null;
  }
}

// Asks for an operation of the library that is given a body: see ui/keeping.py.
export function askOperation(path, body) {
  const text = JSON.stringify(body);
  // A browser lets small requests end although the page is being left.
  return ask(`/operations/${path}`, { method: "PUT", body: text, keepalive: text.length < 30_000 });
}
