// The element that shows a photo or a video. A slide has the addresses of its pictures: `small`,
// `large` (1,600 px) and `full` (all pixels), and of a video, its file.

import { showPicture } from "../shared/picture.js";

const loaded = new Map(); // the pictures that were loaded ahead, by address
const KEPT = 8;

// Loads the large picture of a neighbour, so that it is there when it is shown.
export function preload(slide) {
  if (!slide || loaded.has(slide.large)) return;
  const image = new Image();
  image.src = slide.large;
  image.decode().catch(() => {}); // it is shown with what is said about it when its turn comes
  loaded.set(slide.large, image);
  if (loaded.size > KEPT) loaded.delete(loaded.keys().next().value);
}

export function pictureOf(slide) {
  return slide.video ? playerOf(slide) : imageOf(slide);
}

// If the picture cannot be made, for instance because a drive is not connected, the small one is
// shown, and if there is none, a text.
export function imageOf(slide) {
  const image = loaded.get(slide.large) ?? new Image();
  loaded.delete(slide.large);
  image.alt = slide.alt;
  image.draggable = false;
  showPicture(image, slide.large, () => showPicture(image, slide.small, () => image.replaceWith(noticeOf(slide.unavailable))));
  return image;
}

// A player, which starts at the moment that was found. A browser plays only some formats.
export function playerOf(slide) {
  const player = document.createElement("video");
  Object.assign(player, { controls: true, playsInline: true, preload: "metadata", poster: slide.large });
  player.ariaLabel = slide.alt;
  if (slide.loops) Object.assign(player, { loop: true, muted: true, autoplay: true });
  player.src = slide.at && !slide.loops ? `${slide.video}#t=${slide.at}` : slide.video;
  player.onerror = () => {
    const both = document.createElement("div");
    both.className = "unplayable";
    both.append(imageOf(slide), noticeOf("This browser cannot play this video. Download the original to watch it."));
    player.replaceWith(both);
  };
  return player;
}

function noticeOf(text) {
  const notice = document.createElement("p");
  notice.textContent = text;
  return notice;
}
