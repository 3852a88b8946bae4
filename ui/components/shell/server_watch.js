// Says when the page's server has ended, and goes on by itself when it is there again. Streamlit would
// ask about the internet and about settings that nobody here has made; page.css hides that.

import { announce } from "../history/history.js";
import { ask } from "../shared/ask.js";
import { element } from "../shared/dom.js";

const CHECK_MS = 1000;
const STATE = "data-test-connection-state";

export class ServerWatch {
  constructor() {
    this.notice = element("div", "imgsearch-ended");
    this.notice.role = "alert";
    this.notice.hidden = true;
    // Beside Streamlit's dialog, which is open though it is hidden: it hides all else from screen readers.
    this.notice.setAttribute("data-react-aria-top-layer", "true");
    document.body.append(this.notice);
    this.isLost = false;
    this.timer = 0;
    this.isChecking = this.isClosed = false;
    this.app = document.querySelector(`[data-testid="stApp"]`);
    this.observer = new MutationObserver(() => this.follow());
    if (this.app) this.observer.observe(this.app, { attributeFilter: [STATE] });
  }

  get isConnected() { return this.app.getAttribute(STATE) === "CONNECTED"; }

  follow() {
    if (this.isConnected) this.goOn();
    else if (!this.isChecking && !this.timer) this.check();
  }

  // Another server, or this one, begins a new session, which knows nothing of this tab before it is asked
  // for what the address names.
  goOn() {
    if (!this.isLost) return;
    this.isLost = false;
    this.say();
    announce();
  }

  async check() {
    this.isChecking = this.isLost = true;
    const answer = await ask("/_stcore/health", { cache: "no-store", headers: { accept: "text/plain" } });
    this.isChecking = false;
    if (this.isClosed) return;
    if (this.isConnected) return;
    if (answer?.status === 403) { location.reload(); return; } // the page that says how to log in
    if (answer) this.say("imgsearch ui is there again", "This page goes on in a moment.");
    else this.say("imgsearch ui has ended; start it again", "This page goes on by itself then.");
    this.timer = setTimeout(() => { this.timer = 0; this.follow(); }, CHECK_MS);
  }

  say(title = "", text = "") {
    const shown = `${title}\n${text}`;
    if (this.shown === shown) return; // a screen reader reads each change
    this.shown = shown;
    this.notice.hidden = !title;
    this.notice.replaceChildren(element("strong", "", title), element("span", "", text));
  }

  close() {
    this.isClosed = true;
    clearTimeout(this.timer);
    this.observer.disconnect();
    this.notice.remove();
  }
}
