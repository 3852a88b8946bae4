// The dialog of the last changes, which the header opens in every view.

import { ChangeList } from "../shared/change_list.js";
import { element } from "../shared/dom.js";

// Fills the dialog, and shows it.
/** @param {HTMLDialogElement} dialog */
export function showChanges(dialog) {
  const changes = new ChangeList(), heading = element("h2", "", "Changes"), close = element("button", "", "Close");
  heading.id = "question";
  Object.assign(close, { type: "button", onclick: () => dialog.close() });
  dialog.classList.add("wide");
  dialog.replaceChildren(heading, ...changes.nodes, close);
  dialog.addEventListener("close", () => dialog.classList.remove("wide"), { once: true });
  if (!dialog.open) dialog.showModal();
  close.focus();
  changes.load();
}
