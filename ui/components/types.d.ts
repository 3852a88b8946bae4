// Types that several modules share: of Streamlit's components, of what the page's server sends, and of events.

import type { PhotoDetails } from "./operations.d.ts";

/** What Streamlit hands to the script of a component at each run. `Data` is what Python gives. */
export interface StreamlitComponent<Data> {
  data: Data;
  parentElement: HTMLElement;
  /** Python has it from then on; another value of the same name replaces it. */
  setStateValue(name: string, value: unknown): void;
  /** Python has it for one run. */
  setTriggerValue(name: string, value: unknown): void;
}

/** What `mount` keeps in the element of a component. */
export interface Part<Data> {
  update(data: Data, component: StreamlitComponent<Data>): void;
  close(): void;
}

/** The answer of a request: of one that is refused, a sentence. */
export type Response<Content> = { ok: true; status: number; content: Content } | Refusal;
export type Refusal = { ok: false; status: number; content: string };

/** Parameters of the address of a search. */
export type Parameters = Record<string, string>;

/** What somebody has said of a photo, and the stars that its files state: `marks_json` in ui/tiles.py. */
export interface Marks {
  favourite: boolean;
  rating: number | null;
  hidden: boolean;
  of_file: number | null;
}
export type MarksChange = Partial<Pick<Marks, "favourite" | "rating" | "hidden">>;

/** A photo of which marks are changed. */
export interface MarkedPhoto {
  id: string;
  marks?: Marks;
}

/** What a tile shows: `tile_json` in ui/tiles.py. The title and what follows it are only in tiles with a caption. */
export interface TilePhoto extends MarkedPhoto {
  src: string;
  /** The address of a larger picture, for tiles that need more pixels than SMALL_PX of shared/photo_tile.js. */
  dense: string;
  link: string;
  alt: string;
  /** CSS class and text of each. */
  badges: [string, string][];
  /** The address of a video; empty where nothing moves. */
  moving: string;
  /** Where in the video, in seconds. */
  at: number;
  marks: Marks;
  title?: string;
  subtitle?: string;
  isWeak?: boolean;
}

/** The element of a photo in a grid. `photo` is there when it has arrived. */
export type Tile = HTMLElement & {
  link: HTMLAnchorElement;
  box?: HTMLInputElement;
  /** Ends what is played in it. */
  stop?: () => void;
  photo?: TilePhoto;
  /** Its place in a `PhotoGrid`. */
  offset?: number;
};

/** Where a view was left: the photo at the top of the window and its height; `seen` was shown last, one by one. */
export interface Place {
  id: string;
  top?: number;
  below?: number;
  seen?: string | null;
  isOpened?: boolean;
}

/** A place in the window, or how far something was moved, in pixels. */
export interface Point {
  x: number;
  y: number;
}

// ------------------------------------------------------------------------- events

/** A sentence for the visitor, with the change that can be undone. Without a text, the last one goes away. */
/** Takes back something that this tab has done. */
export type TakesBack = () => unknown;

export interface Told {
  text: string;
  change?: number | null;
  /** What takes it back, where that is no change of the library: see `TakesBack`. */
  takesBack?: TakesBack;
  hasChanges?: boolean;
  isProblem?: boolean;
  /** It goes away only when another takes its place. */
  stays?: boolean;
}

/** The events of the tray, by their names, with their details. */
export interface TrayEvents {
  changed: undefined;
  marked: string[];
  told: Told;
  "made-change": undefined;
  "other-photos": undefined;
  "asked-changes": undefined;
  "asked-form": string;
}

/** A target of custom events with these names and details. */
export interface CustomTarget<Events> {
  /** Of no value: it lets TypeScript find `Events`. */
  readonly events?: Events;
  addEventListener<Kind extends keyof Events>(kind: Kind, act: (event: CustomEvent<Events[Kind]>) => void): void;
  removeEventListener<Kind extends keyof Events>(kind: Kind, act: (event: CustomEvent<Events[Kind]>) => void): void;
}

type Stop = () => void;

/** `listen` of shared/dom.js. */
export interface Listen {
  <Kind extends keyof DocumentEventMap>(target: Document, kind: Kind, act: (event: DocumentEventMap[Kind]) => void, options?: AddEventListenerOptions): Stop;
  <Kind extends keyof WindowEventMap>(target: Window, kind: Kind, act: (event: WindowEventMap[Kind]) => void, options?: AddEventListenerOptions): Stop;
  (target: MediaQueryList, kind: "change", act: (event: MediaQueryListEvent) => void): Stop;
  <Kind extends keyof HTMLElementEventMap>(target: HTMLElement, kind: Kind, act: (event: HTMLElementEventMap[Kind]) => void, options?: AddEventListenerOptions): Stop;
  <Events, Kind extends keyof Events>(target: CustomTarget<Events> & EventTarget, kind: Kind, act: (event: CustomEvent<Events[Kind]>) => void, options?: AddEventListenerOptions): Stop;
}

/** A listener for events of any kind: a method, whose parameter TypeScript compares both ways. */
export type AnyListener = { listen(event: Event): void }["listen"];

/** An action of a feature for photos, with its icon and its label. */
export interface FeatureAction {
  icon: string;
  label: string;
  act: () => void;
  /** Whether it stays in sight on a phone. */
  isFirst?: boolean;
  /** Whether it comes last, and is only an icon where there is little room. */
  isMinor?: boolean;
  /** The icon of the action behind which it stands; at first without one. */
  after?: string;
}

/** What the module of a feature may export: actions for the selected photos, and for all photos of a list. */
export interface FeatureModule {
  forSelection?(): FeatureAction[];
  forLists?: { icon: string; label: string; name: string; act: (ids: string[]) => void }[];
}

/** What the module of a feature exports for the viewer: parts about a photo, from its details, to which the feature adds fields. */
export interface ViewerModule {
  partsOf(details: PhotoDetails): HTMLElement[];
}

/** A strip below the photo that is shown, which a button and a key show and hide. `show` is called for each photo while it is shown. */
export interface ViewerStrip {
  node: HTMLElement;
  key: string;
  name: string;
  icon: string;
  show(photo: string): void;
}

/** The module of a strip of a feature: see `PageFeature` in ui/features.py. */
export interface StripModule {
  makeStrip(): ViewerStrip;
}

/** A section among the details of a photo, which keeps a state of its own. `show` is called for each photo that is shown, and when its details come. `keys` work also while the details are not shown. */
export interface DetailsSection {
  node: HTMLElement;
  keys?: Record<string, () => void>;
  show(photo: string, ofSearch: unknown): void;
}

/** The module of a section of a feature: `ViewerSection` in ui/features.py says where its data come from. */
export interface SectionModule {
  /** `known` returns the details of a photo, once they have come; `askForm` opens a form of Python for a photo. */
  makeSection(context: { known(photo: string): PhotoDetails | null; askForm(name: string, photo: string): void }): DetailsSection;
}
