// A page for unit tests: its elements are happy-dom's, its server is a real one in this process.

import { createServer } from "node:http";
import { after } from "node:test";
import { Window } from "happy-dom";

// What the modules of the page take from the browser's global object.
const GLOBALS = [
  "AbortController", "AbortSignal", "CSS", "CustomEvent", "DOMException", "Document", "Element", "Event", "EventTarget", "HTMLElement", "HTMLImageElement", "HTMLInputElement", "InputEvent", "KeyboardEvent", "MouseEvent",
  "Image", "IntersectionObserver", "MutationObserver", "Node", "Option", "PointerEvent", "PopStateEvent", "ResizeObserver", "ShadowRoot", "WheelEvent",
  "document", "history", "localStorage", "location", "navigator", "sessionStorage", "visualViewport",
];
const METHODS = ["addEventListener", "cancelAnimationFrame", "dispatchEvent", "fetch", "getComputedStyle", "matchMedia", "removeEventListener", "requestAnimationFrame"];

// Makes a page at this address, and a server that answers its requests with `answer(request)`: { status, content }, where
// a request has a method, an address and what was sent. Modules of the page have to be imported afterwards. Returns the
// list of all requests, in their order, and the page's window.
export async function openPage(address = "/", answer = () => ({ status: 404, content: "Not found." })) {
  const requests = [];
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const part of request) text += part;
    const asked = { method: request.method, address: request.url, body: text ? JSON.parse(text) : null };
    requests.push(asked);
    const { status = 200, content } = await answer(asked);
    const isText = typeof content === "string";
    response.writeHead(status, { "content-type": isText ? "text/plain" : "application/json" });
    response.end(isText ? content : JSON.stringify(content));
  });
  await new Promise((resolve) => { server.listen(0, "127.0.0.1", resolve); });
  const window = new Window({ url: `http://127.0.0.1:${server.address().port}${address}` });
  for (const name of GLOBALS) Object.defineProperty(globalThis, name, { value: window[name], configurable: true, writable: true });
  for (const name of METHODS) globalThis[name] = window[name].bind(window);
  globalThis.window = window;
  for (const name of ["devicePixelRatio", "innerWidth", "innerHeight"]) globalThis[name] = window[name];
  delete globalThis.BroadcastChannel; // one tab: a channel would keep the process alive
  after(async () => {
    await window.happyDOM.close();
    server.closeAllConnections();
    server.close();
  });
  return { requests, window };
}

// Waits until this holds; a test that waits in vain fails with the words.
export async function until(holds, words) {
  const end = Date.now() + 10_000;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`Waited in vain: ${words}`);
    await new Promise((resolve) => { setTimeout(resolve, 2); });
  }
}
