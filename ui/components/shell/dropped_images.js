// Images that are dropped anywhere on the page, or pasted, in every view.

import { searchByImage } from "../shared/example_image.js";
import { isTyping } from "../shared/page.js";

export class DroppedImages {
  constructor() {
    this.listeners = [
      ["paste", (event) => { if (!isText(event)) take(event, event.clipboardData?.files); }],
      ["drop", (event) => take(event, event.dataTransfer?.files)],
      ["dragover", (event) => { if (event.dataTransfer?.types.includes("Files")) event.preventDefault(); }],
    ];
    for (const [kind, act] of this.listeners) document.addEventListener(kind, act);
  }

  close() { for (const [kind, act] of this.listeners) document.removeEventListener(kind, act); }
}

function take(event, files) {
  if (!files?.length) return;
  event.preventDefault(); // else the browser opens it
  searchByImage(files);
}

// What is copied in an office program is text, and a picture of the text as well.
const isText = (event) => isTyping(event) && event.clipboardData?.types.includes("text/plain");
