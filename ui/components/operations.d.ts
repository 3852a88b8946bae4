// The declared operations and their records, as the library answers them.
// Written by `make docs` from the declarations in `imgsearch/operations/`: do not edit it.

/** What each operation by GET is given, and its answer. */
export interface GetOperations {
  "status": { request: {}; answer: Status };
  "photo/{photo_id}": { request: { photo_id: number }; answer: PhotoDetails };
  "suggest": { request: { line?: string; k?: number }; answer: (Suggestion)[] };
  "thumbnail/{photo_id}": { request: { photo_id: number; side_px?: number; at_s?: number | null; or_kept?: boolean }; answer: Blob };
  "filters/choices": { request: {}; answer: FilterChoices };
  "tray": { request: {}; answer: PickedPhotos };
  "changes": { request: {}; answer: (Change)[] };
  "encoders": { request: {}; answer: (EncoderInfo)[] };
  "encoders/stored": { request: {}; answer: (StoredEncoder)[] };
  "encoders/trial": { request: {}; answer: EncoderTrial | null };
  "albums": { request: {}; answer: (Album)[] };
  "albums/photos": { request: { name: string }; answer: AlbumPhotos };
  "corrections/places": { request: { text: string; k?: number }; answer: (NamedPoint)[] };
  "concepts": { request: {}; answer: (Concept)[] };
  "people/counts": { request: {}; answer: FaceCounts };
  "people": { request: { hidden?: boolean }; answer: (Person)[] };
  "people/{person_id}/faces": { request: { person_id: number; k?: number }; answer: (Face)[] };
  "people/{person_id}/looks": { request: { person_id: number }; answer: (PersonLook)[] };
  "person/{person_id}": { request: { person_id: number; k?: number; proposed?: number }; answer: PersonDetails };
  "people/overview": { request: { person_id?: number | null; k?: number; proposed?: number }; answer: PeopleOverview };
  "photo/{photo_id}/faces": { request: { photo_id: number }; answer: (Face)[] };
  "face/{face_id}/picture": { request: { face_id: number; side_px?: number }; answer: Blob };
  "people/{person_id}/proposals": { request: { person_id: number; k?: number }; answer: (Proposal)[] };
  "face/{face_id}/similar": { request: { face_id: number; k?: number }; answer: (SimilarFace)[] };
  "duplicates": { request: { min_score?: number | null; prefer?: (string)[]; k?: number }; answer: DuplicateGroups };
  "duplicates/choices": { request: {}; answer: Record<string, boolean> };
  "labels": { request: {}; answer: (SavedLabels)[] };
  "saved": { request: {}; answer: (SavedSearchSummary)[] };
  "kinds": { request: {}; answer: PictureKinds };
  "walls": { request: {}; answer: (Wall)[] };
}

/** What each operation by POST is given, and its answer. */
export interface PostOperations {
  "search": { request: { query: string | QueryBody; k?: number; cursor?: string | null }; answer: Answer };
  "similar": { request: { example: ExampleBody; k?: number; cursor?: string | null }; answer: Answer };
  "explain": { request: { photo: number | string; query: string | QueryBody }; answer: Explanation };
  "photos": { request: { ids: (number)[] }; answer: (Hit)[] };
  "examples": { request: { image: string }; answer: string };
  "timeline": { request: { query?: string | QueryBody | null; k?: number }; answer: Timeline };
  "cameras": { request: { query?: string | QueryBody | null; k?: number }; answer: (ValueCount)[] };
  "timeline/days": { request: { query?: string | QueryBody | null; k?: number; photo_id?: number | null; shapes?: boolean }; answer: DayCounts };
  "map/towns": { request: { area: MapArea; zoom: number }; answer: (MapTown)[] };
  "tray/add": { request: { photo_ids?: (number)[]; query?: string | QueryBody | null; k?: number | null; include_weak?: boolean }; answer: Change };
  "tray/take-out": { request: { photo_ids: (number)[] }; answer: Change };
  "tray/clear": { request: {}; answer: Change };
  "marks/of": { request: { photo_ids: (number)[] }; answer: Record<string, PhotoMarks> };
  "marks": { request: { photo_ids?: (number)[]; query?: string | QueryBody | null; k?: number | null; include_weak?: boolean; favourite?: boolean | null; rating?: number | null; hidden?: boolean | null }; answer: Change };
  "marks/forget-rating": { request: { photo_ids?: (number)[]; query?: string | QueryBody | null; k?: number | null; include_weak?: boolean }; answer: Change };
  "changes/undo": { request: { change_id?: number | null }; answer: Change };
  "changes/redo": { request: { change_id?: number | null }; answer: Change };
  "encoders/use": { request: { name: string }; answer: StoredEncoder };
  "encoders/drop": { request: { name: string }; answer: DroppedEncoder };
  "encoders/trial": { request: { name: string; photos?: number; queries?: (string)[] }; answer: EncoderTrial };
  "albums": { request: { name: string; photo_ids?: (number)[]; query?: string | QueryBody | null; k?: number | null; include_weak?: boolean }; answer: Change };
  "albums/add": { request: { name: string; photo_ids?: (number)[]; query?: string | QueryBody | null; k?: number | null; include_weak?: boolean }; answer: Change };
  "albums/take-out": { request: { name: string; photo_ids?: (number)[]; query?: string | QueryBody | null; k?: number | null; include_weak?: boolean }; answer: Change };
  "albums/rename": { request: { name: string; new_name: string }; answer: Change };
  "albums/remove": { request: { name: string }; answer: Change };
  "corrections/of": { request: { photo_ids: (number)[] }; answer: Record<string, StatedFacts> };
  "corrections/plan": { request: { photo_ids?: (number)[]; query?: string | QueryBody | null; k?: number | null; include_weak?: boolean; date?: string | null; shift_s?: number | null; from_names?: boolean }; answer: (PlannedDate)[] };
  "corrections/dates": { request: { dates: (PhotoDate)[] }; answer: Change };
  "corrections/plan-place": { request: { photo_ids?: (number)[]; query?: string | QueryBody | null; k?: number | null; include_weak?: boolean; place: string }; answer: (PlannedPlace)[] };
  "corrections/place": { request: { photo_ids?: (number)[]; query?: string | QueryBody | null; k?: number | null; include_weak?: boolean; place: string }; answer: Change };
  "corrections/forget": { request: { photo_ids?: (number)[]; query?: string | QueryBody | null; k?: number | null; include_weak?: boolean; date?: boolean; place?: boolean }; answer: Change };
  "concepts/teach": { request: { name: string; like?: (SourceBody)[]; unlike?: (SourceBody)[]; withdraw?: (SourceBody)[]; words?: string | null; new?: boolean }; answer: Concept };
  "concepts/judge": { request: { name: string; k?: number }; answer: (Hit)[] };
  "concepts/forget": { request: { name: string }; answer: boolean };
  "places": { request: { query?: string | QueryBody | null; k?: number }; answer: PlaceCounts };
  "map/clusters": { request: { area: MapArea; zoom: number; query?: string | QueryBody | null; k?: number }; answer: (MapCluster)[] };
  "events": { request: { query?: string | QueryBody | null; k?: number }; answer: (PhotoEvent)[] };
  "events/summaries": { request: { query?: string | QueryBody | null; k?: number }; answer: (EventSummary)[] };
  "events/photos": { request: { start: string; photo_id?: number | null }; answer: EventPhotos | null };
  "events/title": { request: { start: string; title: string }; answer: Change };
  "timeline/headings": { request: { query?: string | QueryBody | null; k?: number }; answer: TimelineHeadings };
  "meaning/lay-out": { request: {}; answer: LayoutReport };
  "meaning": { request: { query?: string | QueryBody | null; k?: number; level?: number }; answer: MeaningMap };
  "people/name": { request: { person_id: number; name: string; shown?: ShownPerson | null }; answer: PersonChange };
  "people/decide": { request: { faces: (number)[]; person_id: number; is_person: boolean; others?: (number)[] }; answer: PersonChange };
  "people/faces/name": { request: { faces: (number)[]; name: string }; answer: PersonChange };
  "people/merge": { request: { person_id: number; into: number; shown?: ShownPerson | null }; answer: PersonChange };
  "people/split": { request: { faces: (number)[]; person_id: number }; answer: PersonChange };
  "people/hide": { request: { person_id: number; hidden?: boolean; shown?: ShownPerson | null }; answer: PersonChange };
  "people/me": { request: { person_id: number; is_me?: boolean; shown?: ShownPerson | null }; answer: PersonChange };
  "duplicates/groups": { request: { query?: string | QueryBody | null; min_score?: number | null; prefer?: (string)[]; first?: number; k?: number }; answer: ChosenGroups };
  "duplicates/choices": { request: { photo_id: number; is_kept: boolean | null }; answer: null };
  "label": { request: { classes: Classes; query?: string | QueryBody | null; k?: number }; answer: (Label)[] };
  "saved": { request: { name: string; query: string | QueryBody; k?: number | null; include_weak?: boolean; replace?: boolean }; answer: SavedSearchSummary };
  "saved/looked": { request: { name: string }; answer: (number)[] };
  "saved/rename": { request: { name: string; new_name: string }; answer: null };
  "saved/remove": { request: { name: string }; answer: null };
  "over-time": { request: { query?: string | QueryBody | null; k?: number; by?: "month" | "year" }; answer: (StripPeriod)[] };
  "over-time/pictures": { request: { query?: string | QueryBody | null; k?: number; by?: "month" | "year" }; answer: (StripPicture)[] };
  "around": { request: { photo: number | string; k?: number }; answer: PhotosBeforeAfter };
  "sequences": { request: { line: string; k?: number; weak?: boolean }; answer: SequenceAnswer };
  "ask": { request: { question: string; k?: number }; answer: QuestionAnswer };
  "kinds/left-out": { request: { kinds: ("document" | "screenshot")[] }; answer: PictureKinds };
  "narrow": { request: { query: string | QueryBody }; answer: NarrowingQuestions };
  "walls": { request: { line: string; seconds?: number; pause?: string | null }; answer: Wall };
  "walls/remove": { request: { number: number }; answer: null };
}

/** What each operation by DELETE is given, and its answer. */
export interface DeleteOperations {
  "past-queries": { request: {}; answer: number };
  "duplicates/choices": { request: {}; answer: number };
}

export type QueryBody = { line?: string | null; terms?: (TermBody)[]; filters?: (string)[]; min_score?: number | null; sort?: string | null };

export type TermBody = { text?: string | null; photo_id?: number | null; image?: string | null; path?: string | null; kept_image?: string | null; region?: RegionBody | null; weight?: number; is_free?: boolean; is_quoted?: boolean; concept?: string | null };

export type RegionBody = { x: number; y: number; width: number; height: number; percent?: boolean };

export type ExampleBody = { photo_id?: number | null; image?: string | null; path?: string | null; kept_image?: string | null; region?: RegionBody | null };

export type MapArea = { south: number; west: number; north: number; east: number };

export type PhotoDate = { photo_id: number; taken_at: string; precision?: "day" | "month" | "season" | "year" | null };

export type SourceBody = { photo_id?: number | null; image?: string | null; path?: string | null; kept_image?: string | null };

export type ShownPerson = { person_id: number; faces?: (number)[]; name?: string | null };

export type Classes = { names: (string)[]; template?: string | null; none_of_these?: boolean };

export type Refusal = { kind: string; message: string; line: string | null; at: number | null; commands: (string)[] };

export type Answer = { hits: (Hit)[]; cursor: string | null; verdict: Verdict | null; suggestion: string | null; remarks: (string)[]; is_read: boolean; understood: (UnderstoodPart)[]; remark_commands: (string)[]; clauses: (Clause)[] };

export type Hit = { photo: Photo; paths: (string)[]; score: number | null; offline: boolean; missing: boolean; date: string | null; dated_by: string | null; level: "likely" | "possible" | "sure" | "weak" | null; at_s: number | null; text_lines: (TextLine)[]; matched_by: ("country" | "creator" | "description" | "file_name" | "folder" | "headline" | "keywords" | "people" | "place" | "title" | "text")[]; worth: Worth | null };

export type Photo = { id: number; content_hash: string; size_bytes: number; facts: Facts };

export type Facts = { format: string; width_px: number; height_px: number; taken_at: string | null; camera: string | null; lens: string | null; lat: number | null; lon: number | null; dated_by: string | null; rating: number | null; keywords: (string)[]; people: (string)[]; title: string | null; headline: string | null; description: string | null; creator: string | null; town: string | null; region: string | null; country: string | null; near_town: boolean; duration_s: number | null; motion: string | null; animated: boolean; exposure_s: number | null; aperture: number | null; iso: number | null; focal_mm: number | null; flash: boolean | null; colorfulness: number | null; lightness: number | null; detail: number | null; sharpness: number | null; colors: string | null; date_precision: string | null };

export type TextLine = { text: string; x: number; y: number; width: number; height: number; confidence: number };

export type Worth = { points: number; reasons: (WorthReason)[]; better_twin: string | null };

export type WorthReason = { name: "compression" | "favourites" | "light" | "sharpness" | "size" | "twins"; points: number; text: string };

export type Verdict = { state: "found" | "nothing" | "unsure"; strength: number; sure: number; likely: number; possible: number; more: boolean; sure_from: number | null; likely_from: number | null; possible_from: number | null; named: number };

export type UnderstoodPart = { words: string; filters: string; undo: string; rest: string };

export type Clause = { words: string; ranked: string; filters: string; set_aside: string; rest: string };

export type Explanation = { path: string; reason: string | null; photo: Photo | null; rank: number | null; score: number | null; shares: (TermShare)[]; hubness: number | null; filters: (FilterResult)[]; text: PhotoText | null; text_lines: (TextLine)[]; matched_by: ("country" | "creator" | "description" | "file_name" | "folder" | "headline" | "keywords" | "people" | "place" | "title" | "text")[]; remarks: ([string, string])[]; worth: Worth | null; concepts: (ConceptVerdict)[] };

export type TermShare = { term: string; cosine: number; share: number };

export type FilterResult = { filter: string; passes: boolean };

export type PhotoText = { state: "failed" | "none" | "read"; lines: (TextLine)[]; reader: string; read_at: string; message: string | null };

export type ConceptVerdict = { name: string; score: number; probability: number; level: "likely" | "sure" | null; judged: boolean | null };

export type Status = { kind: "archive" | "library"; address: string; photos: number; vectors: number; encoder: string | null; tail: number; failed: number; recall_text: number | null; recall_image: number | null; snapshot: SnapshotInfo | null; roots: (Root)[]; failures: (Failure)[]; wants: (MissingExtra)[]; disk_bytes: number; thumbnails: ThumbnailCounts; unfinished: (UnfinishedJob)[]; copy: ArchiveCopy | null };

export type SnapshotInfo = { file_name: string; encoder_id: string; kind: string; last_seq: number; vectors: number; size_bytes: number; sha256: string; built_at: string; details: Record<string, number | string> };

export type Root = { id: number; path: string; online: boolean; photos: number; missing: number; paused: boolean };

export type Failure = { path: string; reason: Reason; message: string; extra: string | null; read_by: string | null; failed_at: string | null };

export type Reason = "changed" | "crashed" | "damaged" | "empty" | "not-an-image" | "timed-out" | "too-large" | "truncated" | "unreadable" | "unsupported";

export type MissingExtra = { extra: string; format: string; files: number; cure: string };

export type ThumbnailCounts = { photos: number | null; size_bytes: number };

export type UnfinishedJob = { job: string; left: number | null; begun_at: string; folders: (string)[]; again: boolean; everything: boolean; encoder: string };

export type ArchiveCopy = { folder: string; version: number; is_complete: boolean; waiting: number };

export type PhotoDetails = { hit: Hit; text: PhotoText | null; marks: PhotoMarks | null; shown: ([string, string])[]; cards: (Card)[]; present: (boolean)[]; albums: (string)[]; stated_facts: StatedFacts | null; judged: Record<string, boolean>; faces: (FaceInPhoto)[]; labels: Record<string, string>; kind: PictureKind | null };

export type PhotoMarks = { favourite: boolean; rating: number | null; hidden: boolean };

export type Card = { title: string; rows: ([string, string])[] };

export type StatedFacts = { date_is_corrected: boolean; place_is_corrected: boolean; taken_at: string | null; dated_by: string | null; lat: number | null; lon: number | null; town: string | null; region: string | null; country: string | null; near_town: boolean; date_precision: "day" | "month" | "season" | "year" | null };

export type FaceInPhoto = { id: number; person_id: number | null; name: string | null };

export type PictureKind = { name: "document" | "screenshot"; probability: number };

export type Suggestion = { kind: string; text: string; line: string; photos: number | null; kind_name: string };

export type Timeline = { years: (YearCount)[] };

export type YearCount = { year: number; photos: number; dated_by_file: number; months: (MonthCount)[] };

export type MonthCount = { month: string; photos: number; dated_by_file: number };

export type ValueCount = { value: string | null; photos: number };

export type DayCounts = { version: string; days: (DayCount)[]; offset: number | null; shapes: (number)[] };

export type DayCount = { day: string; photos: number; dated_by_file: number };

export type MapTown = { name: string; lat: number; lon: number; population: number };

export type FilterChoices = { folders: (FilterChoice)[]; places: (FilterChoice)[]; people: (FilterChoice)[]; keywords: (FilterChoice)[]; of_features: (KindOfChoices)[] };

export type FilterChoice = { label: string; field: string; value: string; photos: number; below: (FilterChoice)[] };

export type KindOfChoices = { title: string; icon: string; choices: (FilterChoice)[] };

export type PickedPhotos = { name: string; photo_ids: (number)[]; missing_ids: (number)[] };

export type Change = { id: number | null; title: string; photos: number; changed_at: string; undone: boolean };

export type EncoderInfo = { name: string; dim: number; size_mb: number; licence: string; accuracy: string; weights_here: boolean; note: string; disk_mb: number; test: string; share_right: number | null; is_published: boolean; prepare_s: number; photos_per_s: number | null; memory_bytes: number | null; photo_bytes: number };

export type StoredEncoder = { name: string; encoder_id: string; state: "building" | "current" | "kept"; photos: number; missing: number; vectors: number; size_bytes: number };

export type DroppedEncoder = { name: string; size_bytes: number; freed_bytes: number; reusable_bytes: number };

export type EncoderTrial = { encoder: string; encoder_in_use: string; photos: number; left: number; photos_per_s: number | null; size_bytes: number; memory_bytes: number; known_items: (KnownItems)[]; queries: (TrialQuery)[]; made_at: string };

export type KnownItems = { source: string; queries: number; before: number; after: number };

export type TrialQuery = { text: string; source: string; right: (number)[]; before: (number)[]; after: (number)[]; filters: string };

export type Album = { name: string; photos: number; missing: number; made_at: string; cover_id: number | null };

export type AlbumPhotos = { name: string; photo_ids: (number)[]; missing_ids: (number)[] };

export type PlannedDate = { photo_id: number; path: string; before: string; dated_by: string | null; after: string; because: string; precision: "day" | "month" | "season" | "year" | null; before_precision: "day" | "month" | "season" | "year" | null };

export type PlannedPlace = { photo_id: number; path: string; before: NamedPoint | null; after: NamedPoint };

export type NamedPoint = { lat: number; lon: number; town: string | null; region: string | null; country: string | null; near_town: boolean };

export type Concept = { name: string; words: string | null; likes: number; unlikes: number; sure: number; likely: number; test: ConceptTest | null; is_ready: boolean; taught_at: string };

export type ConceptTest = { precision: number; recall: number; above: number; unlike_above: number | null; separates: boolean };

export type PlaceCounts = { countries: (CountryCount)[]; unnamed: number; unknown: number };

export type CountryCount = { country: string | null; photos: number; regions: (RegionCount)[] };

export type RegionCount = { region: string | null; photos: number; towns: (TownCount)[] };

export type TownCount = { town: string | null; photos: number };

export type MapCluster = { latest_id: number; latest_version: string; photos: number; lat: number; lon: number; radius_km: number; area: MapArea; place: string };

export type PhotoEvent = { start: string; end: string; is_trip: boolean; photo_ids: (number)[]; towns: (string)[]; countries: (string)[]; title: string; is_titled: boolean };

export type EventSummary = { start: string; end: string; is_trip: boolean; photos: number; found: number; towns: (string)[]; countries: (string)[]; title: string; is_titled: boolean; version: string };

export type EventPhotos = { event: EventSummary; photo_ids: (number)[]; shapes: (number)[]; days: (DayCount)[]; stops: (RouteStop)[]; towns: (RouteTown)[] };

export type RouteStop = { lat: number; lon: number; first_id: number; photos: number };

export type RouteTown = { name: string; stop: number };

export type TimelineHeadings = { trips: (EventSummary)[]; towns: Record<string, (string)[]> };

export type LayoutReport = { photos: number; clusters: number; named: number; seconds: number };

export type MeaningMap = { made_at: string; photos: number; unplaced: number; placed: number; clusters: (MeaningCluster)[]; version: string };

export type MeaningCluster = { number: number; level: number; parent: number | null; name: string; photos: number; example: number; x: number; y: number; example_version: string };

export type FaceCounts = { found: number; none: number; failed: number; unread: number; faces: number; persons: number; groups: number; alone: number; other_model: number };

export type Person = { id: number; name: string | null; is_hidden: boolean; faces: number; photos: number; confirmed: number; best_face: number | null; is_me: boolean };

export type Face = { id: number; photo_id: number; x: number; y: number; width: number; height: number; score: number; at_s: number | null; person_id: number | null; name: string | null; is_confirmed: boolean };

export type PersonLook = { faces: number; confirmed: number; best_face: number; first: string | null; last: string | null };

export type PersonDetails = { person: Person; looks: (PersonLook)[]; faces: (DatedFace)[]; proposals: (DatedFace)[] };

export type DatedFace = { id: number; photo_id: number; day: string | null; is_confirmed: boolean };

export type PeopleOverview = { people: (Person)[]; alone: number; last_change: Change | null; person: PersonDetails | null };

export type Proposal = { face: Face; person_id: number; score: number };

export type SimilarFace = { face: Face; score: number; day: string | null };

export type PersonChange = { person: Person; change: Change; faces: number };

export type DuplicateGroups = { groups: (DuplicateGroup)[]; total: number; compared_at: string };

export type DuplicateGroup = { photos: (GroupedPhoto)[] };

export type GroupedPhoto = { hit: Hit; keep: boolean; reason: string; score: number | null };

export type ChosenGroups = { groups: (ChosenGroup)[]; total: number; photos: number; chosen: number; superfluous_bytes: number; has_objects: boolean; version: string };

export type ChosenGroup = { number: number; photos: (ChosenPhoto)[] };

export type ChosenPhoto = { photo_id: number; keep: boolean; reason: string };

export type Label = { photo_id: number; name: string; probability: number };

export type SavedLabels = { name: string; counts: (LabelCount)[] };

export type LabelCount = { label: string; photos: number };

export type SavedSearchSummary = { name: string; line: string; example_count: number; k: number | null; include_weak: boolean; saved_at: string; looked_at: string; photos: number; new: number; cover_id: number | null; problem: string | null };

export type StripPeriod = { period: string; photos: number; best: Hit | null };

export type StripPicture = { period: string; photos: number; photo_id: number | null; version: string; at_s: number | null };

export type PhotosBeforeAfter = { hit: Hit; event: EventSummary | null; before: (NearbyPhoto)[]; after: (NearbyPhoto)[]; more_before: number; more_after: number };

export type NearbyPhoto = { hit: Hit; apart_s: number; apart: string };

export type SequenceAnswer = { line: string; is_from_words: boolean; parts: (SequencePart)[]; state: "found" | "nothing" | "unsure" | null; sequences: (PhotoSequence)[]; remarks: (string)[]; remark_commands: (string)[] };

export type SequencePart = { query: string; state: "found" | "nothing" | "unsure" | null; understood: (UnderstoodPart)[]; window: string | null };

export type PhotoSequence = { hits: (Hit)[]; score: number; level: "likely" | "possible" | "sure" | "weak" | null; apart_s: (number)[]; apart: (string)[]; event: EventSummary | null };

export type QuestionAnswer = { question: string; asked: "ever" | "how long" | "how many photos" | "how many places" | "how often" | "look" | "other" | "when" | "where" | "which dates" | "who"; sentence: string; certainty: "known" | "likely" | "none" | "refused" | "unsure"; query: string; photos: number; occasions: (AnsweredOccasion)[]; hits: (Hit)[]; remarks: (string)[]; remark_commands: (string)[] };

export type AnsweredOccasion = { start: string; end: string; title: string; place: string | null; photos: number; certainty: "known" | "likely" | "none" | "refused" | "unsure" };

export type PictureKinds = { screenshots: number; documents: number; left_out: ("document" | "screenshot")[] };

export type NarrowingQuestions = { photos: number; questions: (NarrowingQuestion)[] };

export type NarrowingQuestion = { question: string; yes: string; no: string; photos: number; others: number };

export type Wall = { number: number; line: string; path: string; seconds: number; pause: string | null; made_at: string; photos: number; problem: string | null };
