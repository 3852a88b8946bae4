// Images that are dropped anywhere on the page, or pasted, in every view.

import { searchByImage } from "../shared/example_image.js";
import { listen } from "../shared/dom.js";
import { isTyping } from "../shared/page.js";

export class DroppedImages {
  constructor() {
    this.stops = [
      listen(document, "paste", (event) => { if (!isText(event)) take(event, event.clipboardData?.files); }),
      listen(document, "drop", (event) => take(event, event.dataTransfer?.files)),
      listen(document, "dragover", (event) => { if (event.dataTransfer?.types.includes("Files")) event.preventDefault(); }),
    ];
  }

  close() { for (const stop of this.stops) stop(); }
}

/** @param {Event} event @param {FileList | undefined} files */
function take(event, files) {
  if (!files?.length) return;
  event.preventDefault(); // else the browser opens it
  searchByImage(files);
}

// What is copied in an office program is text, and a picture of the text as well.
/** @param {ClipboardEvent} event */
const isText = (event) => isTyping(event) && event.clipboardData?.types.includes("text/plain");
