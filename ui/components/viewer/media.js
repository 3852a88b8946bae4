// The element that shows a photo or a video. A slide has the addresses of its pictures: `small`,
// `large` (1,600 px) and `full` (all pixels), and of a video, its file.

import { element } from "../shared/dom.js";
import { showPicture } from "../shared/picture.js";

/** @import { MarkedPhoto } from "../types.d.ts" */
/**
 * A photo of a list: `_slide` in ui/elements.py. `video` and `moving` are empty where nothing moves, `at` is in seconds, and
 * `found` are names and values that say how it was found.
 * @typedef {MarkedPhoto & { address: string, small: string, large: string, full: string, original: string, video: string, moving: string, at: number, width: number, height: number, alt: string, path: string, similar: string, unavailable: string, found: [name: string, value: string][], loops?: boolean }} Slide
 */

/** @type {Map<string, HTMLImageElement>} */
const loaded = new Map(); // the pictures that were loaded ahead, by address
const KEPT = 8;

// Loads the large picture of a neighbour, so that it is there when it is shown.
/** @param {Slide | undefined} slide */
export function preload(slide) {
  if (!slide || loaded.has(slide.large)) return;
  const image = new Image();
  image.src = slide.large;
  image.decode().catch(() => {}); // it is shown with what is said about it when its turn comes
  loaded.set(slide.large, image);
  if (loaded.size > KEPT) loaded.delete([...loaded.keys()][0]);
}

/** @param {Slide} slide */
export function pictureOf(slide) {
  return slide.video ? playerOf(slide) : imageOf(slide);
}

// If the picture cannot be made, for instance because a drive is not connected, the small one is
// shown, and if there is none, a text.
/** @param {Slide} slide */
export function imageOf(slide) {
  const image = loaded.get(slide.large) ?? new Image();
  loaded.delete(slide.large);
  image.alt = slide.alt;
  image.draggable = false;
  showPicture(image, slide.large, () => showPicture(image, slide.small, () => image.replaceWith(element("p", "", slide.unavailable))));
  return image;
}

// A player, which starts at the moment that was found. A browser plays only some formats.
/** @param {Slide} slide */
export function playerOf(slide) {
  const player = element("video");
  Object.assign(player, { controls: true, playsInline: true, preload: "metadata", poster: slide.large });
  player.ariaLabel = slide.alt;
  if (slide.loops) Object.assign(player, { loop: true, muted: true, autoplay: true });
  player.src = slide.at && !slide.loops ? `${slide.video}#t=${slide.at}` : slide.video;
  player.onerror = () => {
    const both = element("div", "unplayable");
    both.append(imageOf(slide), element("p", "", "This browser cannot play this video. Download the original to watch it."));
    player.replaceWith(both);
  };
  return player;
}
