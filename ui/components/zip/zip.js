// The button that downloads a zip file of copies. It asks first which photos can be copied, and says which cannot: an
// empty or short file would pass for a copy of all of them.

import { ask, NO_SERVER } from "../shared/ask.js";
import { countOf, element } from "../shared/dom.js";

export default function (box, { data }) {
  const parts = (box.parts ??= made(box));
  const ids = data.ids.join(",");
  if (box.ids !== ids) parts.status.textContent = "";
  box.ids = ids;
  parts.button.disabled = !ids;
  parts.button.title = ids ? "" : data.refusal;
}

function made(box) {
  const button = element("button");
  button.type = "button";
  const icon = element("span", "icon", "folder_zip");
  icon.ariaHidden = "true";
  button.append(icon, "Zip of copies");
  const status = element("div", "status");
  status.role = "status";
  box.replaceChildren(button, status);
  // It covers a part of the page until the next click.
  const clear = (event) => {
    if (event.composedPath().includes(status)) return;
    if (box.isConnected) status.textContent = ""; else document.removeEventListener("pointerdown", clear);
  };
  document.addEventListener("pointerdown", clear);
  button.onclick = async () => {
    const ids = box.ids;
    button.ariaBusy = "true";
    const answer = await ask(`/copies/check?ids=${ids}`);
    button.ariaBusy = null;
    if (box.ids !== ids) return; // others were selected meanwhile
    status.className = "status";
    if (!answer?.ok) { status.textContent = answer ? answer.content : NO_SERVER; return; }
    const { photos, problem } = answer.content;
    status.classList.toggle("problem", !!problem);
    status.textContent = problem || `Copies of ${countOf(photos)}: photos.zip`;
    if (photos) download(`/copies/photos.zip?ids=${ids}`);
  };
  return { button, status };
}

function download(address) {
  const link = element("a");
  link.href = address;
  link.download = "photos.zip";
  link.click();
}
