// When the reply of a view arrives and the address is another view's by then, Streamlit adds an entry to the history
// for it. For a photo that somebody has turned back from meanwhile, that entry would lead to no photo: the view of a
// photo is opened by `visit` alone, with the photo's id.

import { PHOTO } from "../history/history.js";

const push = history.pushState.bind(history);

history.pushState = (state, unused, address) => {
  const { pathname, searchParams } = new URL(address ?? "", location.href);
  if (pathname !== PHOTO || searchParams.has("id")) push(state, unused, address);
};
