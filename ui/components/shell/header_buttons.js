// The buttons at the end of the header of every view: light or dark, and log out.

import { NO_SERVER, ask } from "../shared/ask.js";
import { element } from "../shared/dom.js";
import { TOLD, tray } from "../shared/tray.js";

// Streamlit keeps its theme under the path that was loaded, so the choice is kept for the path of every view.
const KEY = (path) => `stActiveTheme-${path}-v2`;

export class HeaderButtons {
  // `paths` are those of all views.
  constructor(paths) {
    this.paths = paths;
    this.node = element("div", "header-buttons");
    this.theme = button("", () => this.changeTheme());
    this.logOut = button("logout", () => this.end());
    this.logOut.ariaLabel = this.logOut.title = "Log out";
    this.node.append(this.theme, this.logOut);
  }

  // What is shown may have changed with the setting of the system.
  show() {
    const isDark = isDarkNow(this.node), text = isDark ? "Light" : "Dark";
    this.theme.firstChild.textContent = isDark ? "light_mode" : "dark_mode";
    this.theme.ariaLabel = this.theme.title = text;
  }

  // Where the choice is that of the system, it follows the system from then on.
  changeTheme() {
    const isDark = !isDarkNow(this.node), isOfSystem = matchMedia("(prefers-color-scheme: dark)").matches === isDark;
    const name = isOfSystem ? "System" : isDark ? "Dark" : "Light";
    try {
      for (const path of [...this.paths, location.pathname]) localStorage.setItem(KEY(path), JSON.stringify(name));
    } catch { // private mode
      tray.tell(TOLD, { text: "The browser keeps no choices for this page.", isProblem: true });
      return;
    }
    location.reload(); // Streamlit reads it once; the address has all that the view shows
  }

  async end() {
    const answer = await ask("/logout", { method: "POST", headers: { accept: "text/plain" } });
    if (answer?.ok) location.assign("/");
    else tray.tell(TOLD, { text: answer ? answer.content : NO_SERVER, isProblem: true });
  }
}

function isDarkNow(node) {
  const [red, green, blue] = getComputedStyle(node).color.match(/[\d.]+/g).map(Number);
  return red + green + blue > 384; // light text is on a dark page
}

function button(icon, act) {
  const node = element("button"), picture = element("span", "icon", icon);
  picture.ariaHidden = "true";
  node.type = "button";
  node.onclick = act;
  node.append(picture);
  return node;
}
