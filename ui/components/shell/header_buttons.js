// The buttons at the end of the header of every view: all that was changed, light or dark, and log out.

import { NO_SERVER, ask } from "../shared/ask.js";
import { element, icon, setFirst } from "../shared/dom.js";
import { isDark } from "../shared/page.js";
import { ASKED_CHANGES, TOLD, tray } from "../shared/tray.js";

/** @import { Response } from "../types.d.ts" */

// Streamlit keeps its theme under the path that was loaded, so the choice is kept for the path of every view.
/** @param {string} path */
const KEY = (path) => `stActiveTheme-${path}-v2`;

export class HeaderButtons {
  // `paths` are those of all views.
  /** @param {string[]} paths */
  constructor(paths) {
    this.paths = paths;
    this.node = element("div", "header-buttons");
    this.changes = button("history", () => tray.tell(ASKED_CHANGES));
    this.changes.className = "last-changes"; // not on a phone, where they are among the tools
    this.changes.ariaLabel = this.changes.title = "Changes";
    this.theme = button("", () => this.changeTheme());
    this.logOut = button("logout", () => this.end());
    this.logOut.className = "log-out";
    this.logOut.ariaLabel = this.logOut.title = "Log out";
    this.node.append(this.changes, this.theme, this.logOut);
  }

  // What is shown may have changed with the setting of the system.
  /** @param {boolean} canLogOut */
  show(canLogOut) {
    this.changes.hidden = !tray.has("changes");
    this.logOut.hidden = !canLogOut;
    const isNowDark = isDark(this.node), text = isNowDark ? "Light" : "Dark";
    setFirst(this.theme, isNowDark ? "light_mode" : "dark_mode");
    this.theme.ariaLabel = this.theme.title = text;
  }

  // Where the choice is that of the system, it follows the system from then on.
  changeTheme() {
    const isWanted = !isDark(this.node), isOfSystem = matchMedia("(prefers-color-scheme: dark)").matches === isWanted;
    const name = isOfSystem ? "System" : isWanted ? "Dark" : "Light";
    try {
      for (const path of [...this.paths, location.pathname]) localStorage.setItem(KEY(path), JSON.stringify(name));
    } catch { // private mode
      tray.tell(TOLD, { text: "The browser keeps no choices for this page.", isProblem: true });
      return;
    }
    location.reload(); // Streamlit reads it once; the address has all that the view shows
  }

  async end() {
    /** @type {Response<string> | null} */
    const answer = await ask("/logout", { method: "POST", headers: { accept: "text/plain" } });
    if (answer?.ok) location.assign("/");
    else tray.tell(TOLD, { text: answer ? answer.content : NO_SERVER, isProblem: true });
  }
}

/** @param {string} name @param {() => void} act */
function button(name, act) {
  const node = element("button");
  Object.assign(node, { type: "button", onclick: act });
  node.append(icon(name));
  return node;
}
