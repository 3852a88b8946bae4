// Shows the photos of a wall one after the other. Written for the browsers of old televisions as
// well, which know neither `let` nor arrow functions, and not a module, which they do not load.
(function () {
  "use strict";
  var ASK_AGAIN_MS = 60000;
  var TRY_AGAIN_MS = 5000; // after a picture that cannot be had
  var STILL_MS = 3000; // without a move of the mouse, its pointer is hidden again

  var body = document.body;
  var main = /** @type {HTMLElement} */ (document.querySelector("main"));
  var pictures = /** @type {NodeListOf<HTMLImageElement>} */ (document.querySelectorAll(".photo"));
  var said = /** @type {HTMLElement} */ (document.getElementById("said"));

  var version = "";
  /** @type {string[]} */
  var photos = []; // all of the wall
  /** @type {string[]} */
  var fresh = []; // those that came since the page was opened, and were not shown yet
  /** @type {string[]} */
  var waiting = []; // the rest of the present round
  var shown = ""; // the photo on the screen
  var at = 0; // which of the two pictures has it
  var seconds = 20;
  var isPaused = false;
  var timer = 0;

  /** @param {string} name */
  function given(name) {
    return body.getAttribute("data-" + name) || "";
  }

  /** @param {string} text */
  function say(text) {
    said.textContent = text;
  }

  /** The pixels of a side that fill the screen, of those that are offered. */
  function side() {
    var sides = given("sides").split(" ");
    var needed = Math.max(screen.width, screen.height) * (window.devicePixelRatio || 1);
    for (var i = 0; i < sides.length; i++) {
      if (Number(sides[i]) >= needed) return sides[i];
    }
    return sides[sides.length - 1];
  }

  /** @param {string[]} list */
  function shuffled(list) {
    var mixed = list.slice();
    for (var i = mixed.length - 1; i > 0; i--) {
      var j = Math.floor(Math.random() * (i + 1));
      var other = mixed[i];
      mixed[i] = mixed[j];
      mixed[j] = other;
    }
    return mixed;
  }

  /**
   * The photos of a list that another one does not have.
   * @param {string[]} list
   * @param {string[]} other
   */
  function without(list, other) {
    /** @type {Record<string, boolean>} */
    var there = {};
    for (var i = 0; i < other.length; i++) there[other[i]] = true;
    return list.filter(function (photo) { return !there[photo]; });
  }

  /** @param {number} ms */
  function nextAfter(ms) {
    clearTimeout(timer);
    timer = setTimeout(next, ms);
  }

  function clear() {
    shown = "";
    for (var i = 0; i < pictures.length; i++) {
      pictures[i].className = "photo";
      pictures[i].onload = pictures[i].onerror = null;
      pictures[i].removeAttribute("src");
    }
  }

  /** The photo to show now: a new one before all others, and none twice in a row. */
  function chosen() {
    if (fresh.length) return fresh.shift() || "";
    if (!waiting.length) {
      waiting = shuffled(photos);
      if (waiting.length > 1 && waiting[0] === shown) waiting.push(waiting.shift() || "");
    }
    return waiting.shift() || "";
  }

  function next() {
    if (isPaused || !photos.length) return; // the next list goes on
    var photo = chosen();
    if (photo === shown) {
      nextAfter(seconds * 1000);
      return;
    }
    var picture = pictures[1 - at];
    picture.onload = function () {
      at = 1 - at;
      shown = photo;
      picture.className = "photo shown";
      pictures[1 - at].className = "photo";
      nextAfter(seconds * 1000);
    };
    picture.onerror = function () {
      nextAfter(TRY_AGAIN_MS);
    };
    picture.src = given("picture").replace("ID", photo) + "?side=" + side();
  }

  /** @param {{version: string, seconds: number, is_paused: boolean, photos?: string[]}} answer */
  function take(answer) {
    var wasIdle = isPaused || !photos.length;
    seconds = answer.seconds;
    isPaused = answer.is_paused;
    if (answer.photos) {
      var added = version === "" ? [] : without(answer.photos, photos);
      var gone = without(photos, answer.photos);
      photos = answer.photos;
      version = answer.version;
      fresh = without(fresh, gone).concat(shuffled(added));
      waiting = without(waiting, gone);
    }
    say(photos.length || isPaused ? "" : "There is no photo here yet. New ones come by themselves.");
    if (isPaused || !photos.length) {
      clearTimeout(timer);
      clear();
    } else if (wasIdle || photos.indexOf(shown) < 0) {
      nextAfter(0);
    }
  }

  function ask() {
    var request = new XMLHttpRequest();
    request.onload = function () {
      if (request.status === 200) {
        take(JSON.parse(request.responseText));
      } else if (request.status === 404) { // for good: what was shown must not stay
        photos = [];
        clearTimeout(timer);
        clear();
        say("These photos are no longer shown here.");
        return;
      }
      setTimeout(ask, ASK_AGAIN_MS);
    };
    request.onerror = function () { // the machine with the photos may be asleep
      setTimeout(ask, ASK_AGAIN_MS);
    };
    request.open("GET", given("photos") + "?known=" + version);
    request.send();
  }

  var still = 0;
  document.onmousemove = function () {
    main.className = "moving";
    clearTimeout(still);
    still = setTimeout(function () { main.className = ""; }, STILL_MS);
  };
  document.onclick = function () {
    var root = document.documentElement;
    if (document.fullscreenElement) document.exitFullscreen();
    else if (root.requestFullscreen) root.requestFullscreen();
  };

  ask();
})();
