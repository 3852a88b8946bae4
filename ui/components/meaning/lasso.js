// A line that is drawn around photos.

const NAMESPACE = "http://www.w3.org/2000/svg", LEAST_CORNERS = 3, STEP_PX = 3;

export class Lasso {
  // `onDrawn(path)` is called with the corners, [left, top] each.
  constructor(onDrawn) {
    this.onDrawn = onDrawn;
    this.pointer = null;
    this.path = [];
    this.isOn = false; // whether the next press on the map begins one
    this.node = document.createElementNS(NAMESPACE, "svg");
    this.node.setAttribute("class", "lasso");
    this.node.setAttribute("aria-hidden", "true");
    this.line = document.createElementNS(NAMESPACE, "polygon");
    this.node.append(this.line);
  }

  setOn(isOn) { this.isOn = isOn; }

  begin(pointer, left, top) {
    this.pointer = pointer;
    this.path = [[left, top]];
    this.show();
  }

  // Whether this pointer draws.
  extend(pointer, left, top) {
    if (pointer !== this.pointer) return false;
    const [lastLeft, lastTop] = this.path.at(-1);
    if (Math.hypot(left - lastLeft, top - lastTop) >= STEP_PX) { this.path.push([left, top]); this.show(); }
    return true;
  }

  end(pointer, isDone) {
    if (pointer !== this.pointer) return;
    const { path } = this;
    this.pointer = null;
    this.path = [];
    this.show();
    if (isDone && path.length >= LEAST_CORNERS) this.onDrawn(path);
  }

  show() { this.line.setAttribute("points", this.path.map((corner) => corner.join(",")).join(" ")); }
}
