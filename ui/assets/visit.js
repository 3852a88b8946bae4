// Goes to another view, as a click on a link does. Python asks for it in each run until the browser has gone there.
export default function ({ data }) {
  if (data.asked_s <= (window.imgsearchAskedS ?? 0)) return;
  window.imgsearchAskedS = data.asked_s;
  visit(data.address);
}
