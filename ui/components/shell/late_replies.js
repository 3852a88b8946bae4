// When the reply of a view arrives and the address is another view's by then, Streamlit adds an entry to the history
// for it: the path of that view with the parameters of the present one. Such an entry would lead back to a view that
// nobody has opened, or to no photo at all. Our own entries are made by `visit`, which says where they came from;
// Streamlit's for another view have no parameters.

import { PHOTO } from "../history/history.js";

const push = history.pushState.bind(history);

const isLate = ({ pathname, search, searchParams }) =>
  (pathname === PHOTO && !searchParams.has("id")) ||
  (search === location.search && (search !== "" || pathname === location.pathname));

history.pushState = (state, unused, address) => {
  if (state?.cameFrom !== undefined || !isLate(new URL(address ?? "", location.href))) push(state, unused, address);
};
