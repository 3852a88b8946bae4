// Pictures of the page's server, which may be away, or busy, when a picture is wanted.

const FIRST_WAIT_MS = 1000, LONGEST_WAIT_MS = 15_000;

// Shows a picture in an `img`, and asks for it again for as long as its server does not answer. `onGone` is called when the
// server answers that there is no such picture (404), or sends one that the browser cannot show. Other requests for the
// same element end this one, and so does taking the element out of the document.
/** @param {HTMLImageElement} image @param {string} address @param {() => void} onGone */
export function showPicture(image, address, onGone) {
  let wait = FIRST_WAIT_MS, wasSent = false;
  const isWanted = () => image.getAttribute("src") === address;
  const fail = async () => {
    if (!isWanted()) return;
    const response = await fetch(address).catch(() => null); // the error of an `img` does not say why
    response?.body?.cancel().catch(() => {});
    if (!isWanted()) return;
    if (response?.status === 404 || (response?.ok && wasSent)) { onGone(); return; }
    wasSent = Boolean(response?.ok);
    setTimeout(() => { if (isWanted() && image.isConnected) image.src = address; }, wasSent ? 0 : wait);
    wait = Math.min(2 * wait, LONGEST_WAIT_MS);
  };
  image.onerror = fail;
  if (!isWanted()) image.src = address;
  else if (image.complete && !image.naturalWidth) fail(); // it failed while it was loaded ahead
}
