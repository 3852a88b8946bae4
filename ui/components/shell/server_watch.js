// Says when the page's server has ended, and goes on by itself when it is there again. Streamlit would
// ask about the internet and about settings that nobody here has made; page.css hides that.

import { announce } from "../history/history.js";
import { ask } from "../shared/ask.js";
import { element, find } from "../shared/dom.js";

const CHECK_MS = 1000;
const CONNECTION = "data-test-connection-state", SCRIPT = "data-test-script-state";

export class ServerWatch {
  /** @type {string | undefined} */ shown;

  constructor() {
    this.notice = element("div", "imgsearch-ended");
    this.notice.role = "alert";
    this.notice.hidden = true;
    // Beside Streamlit's dialog, which is open though it is hidden: it hides all else from screen readers.
    this.notice.setAttribute("data-react-aria-top-layer", "true");
    document.body.append(this.notice);
    this.isLost = this.isAwaiting = this.hasRun = false;
    /** @type {string | number} */
    this.run = "";
    this.timer = 0;
    this.isChecking = this.isClosed = false;
    this.app = find(document, `[data-testid="stApp"]`);
    this.observer = new MutationObserver(() => this.follow());
    if (this.app) this.observer.observe(this.app, { attributeFilter: [CONNECTION, SCRIPT] });
  }

  get isConnected() { return this.app?.getAttribute(CONNECTION) === "CONNECTED"; }
  get isRunning() { return this.app?.getAttribute(SCRIPT) !== "notRunning"; }

  follow() {
    if (!this.isConnected) { if (!this.isChecking && !this.timer) this.check(); }
    else if (this.isLost) this.goOn();
    else if (this.isAwaiting) this.end(this.isRunning);
  }

  // To be called with the number of each run that draws the page.
  /** @param {string | number} run */
  drawn(run) {
    const isOther = run !== this.run;
    this.run = run;
    if (this.isAwaiting) this.end(isOther);
  }

  // Another server, or this one, begins a new session, which knows nothing of this tab before it is asked
  // for what the address names. It drops what is typed before it has drawn the page, so nothing can be typed.
  goOn() {
    this.isLost = this.hasRun = false;
    this.setAwaiting(true);
    this.sayThere();
    announce();
  }

  /** @param {boolean} hasRun */
  end(hasRun) {
    this.hasRun ||= hasRun;
    if (!this.hasRun || this.isRunning) return;
    this.setAwaiting(false);
    this.say();
  }

  /** @param {boolean} isAwaiting */
  setAwaiting(isAwaiting) {
    this.isAwaiting = isAwaiting;
    if (this.app) this.app.inert = isAwaiting;
  }

  async check() {
    this.isChecking = this.isLost = true;
    const answer = await ask("/_stcore/health", { cache: "no-store", headers: { accept: "text/plain" } });
    this.isChecking = false;
    if (this.isClosed) return;
    if (this.isConnected) return;
    if (answer?.status === 403) { location.reload(); return; } // the page that says how to log in
    if (answer) this.sayThere();
    else this.say("imgsearch ui has ended; start it again", "This page goes on by itself then.");
    this.timer = setTimeout(() => { this.timer = 0; this.follow(); }, CHECK_MS);
  }

  sayThere() { this.say("imgsearch ui is there again", "This page goes on in a moment."); }

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
    if (this.app) this.app.inert = false;
    this.observer.disconnect();
    this.notice.remove();
  }
}
