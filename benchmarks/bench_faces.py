"""Measures faces: finding, telling persons apart, grouping, and what they cost.

    python -m benchmarks.bench_faces FACES FLICKR8K --split dev
    python -m benchmarks.bench_faces FACES FLICKR8K --strangers dev test --sheet groups.png
    python -m benchmarks.bench_faces --scale 100000

FACES has the folders `persons` and `orl`, with a folder of pictures for each person, and `groups`,
with photos of several of `persons`. The threshold of grouping, `grouping.JOIN`, and what a face
must have to found a group were chosen on `persons`, on s1 to s20 of `orl`, and on 2,000 photos of
Flickr8k's split train; the mean feature is that of the split train. The threshold of the detector
was chosen on the split dev. Everything else is a test.

The photos of --strangers show mostly different people, so nearly every group in them is wrong. The
right ones were told by eye, on the sheet: they are in `SAME_PEOPLE`.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import csv
import re
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from imgsearch.config import Settings
from imgsearch.features.people import grouping
from imgsearch.features.people.grouping import Faces, group_faces, person_scores
from imgsearch.features.people.quality import may_found_group
from imgsearch.features.people.reader import FaceReader, open_reader
from imgsearch.records.faces import FoundFace

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CUT_PX = 110
# Photos of Flickr8k that show the same people, as far as a group joins them: told by eye.
SAME_PEOPLE = tuple(
    map(
        frozenset,
        (
            ("3016726158_4d15b83b06.jpg", "3017203816_5dc2a6b392.jpg"),
            ("3016726158_4d15b83b06.jpg", "3113682377_14fc7b62b0.jpg"),
            ("3182161610_4d349b257f.jpg", "3421104520_6a71185b3c.jpg"),
            ("3308171165_20f93d2fba.jpg", "3308997740_91765ecdcc.jpg"),
            ("3425061393_d093edb8da.jpg", "3425853460_bfcd0b41f6.jpg"),
            ("3721799573_2f470950e0.jpg", "3721812313_6000566803.jpg"),
        ),
    )
)
CHOSEN_ON = frozenset(f"orl/s{number}" for number in range(1, 21))
_ONE = re.compile(r"\b(a|one) (\w+ ){0,2}(man|woman|boy|girl|child|person|lady|toddler|kid)\b")
_TWO = re.compile(r"\btwo (\w+ ){0,2}(men|women|boys|girls|children|people|kids|ladies)\b")
_MORE = re.compile(
    r"\b(two|three|four|people|men|women|children|boys|girls|group|crowd|another|"
    r"couple|others?)\b"
)
_ANYBODY = re.compile(
    r"\b(man|woman|men|women|boys?|girls?|child|children|people|persons?|lady|ladies|guys?|baby|"
    r"toddler|kids?|players?|crowd|\w+(?<!wat)(?<!und)er|team|group|he|she|his|her|someone|couple|"
    r"family|adults?|teenagers?|friends|hands?|arms?|legs?|human|cyclist|snowboarder|soldier)\b"
)


def pictures_of(folder: Path) -> list[tuple[Path, str]]:
    """The pictures of persons, with the person of each: `persons/amy`, `orl/s1`."""
    return [
        (path, f"{path.parent.parent.name}/{path.parent.name}")
        for part in ("persons", "orl")
        for path in sorted((folder / part).rglob("*"))
        if path.is_file()
    ]


def read(reader: FaceReader, path: Path) -> tuple[FoundFace, ...]:
    with Image.open(path) as image:
        return reader.read(image.convert("RGB"))


# ------------------------------------------------------------------------- persons


def report_persons(reader: FaceReader, folder: Path) -> None:
    faces: list[FoundFace] = []
    who: list[str] = []
    missed = 0
    for path, person in pictures_of(folder):
        found = read(reader, path)
        missed += not found
        faces += found[:1]
        who += [person] * len(found[:1])
    print(f"portraits: {len(faces)} of {len(faces) + missed} faces found")
    vectors, persons = np.stack([face.vector for face in faces]), np.array(who)
    chosen = np.isin(persons, sorted(CHOSEN_ON))
    for name, rows in (
        ("orl s1-s20 (chosen on)", chosen),
        ("orl s21-s40", ~chosen & np.char.startswith(persons, "orl/")),
        ("persons", np.char.startswith(persons, "persons/")),
        ("all but orl s1-s20", ~chosen),
        ("all", np.ones(len(faces), np.bool_)),
    ):
        accepted, at = true_accepts(vectors[rows], persons[rows], 1e-3)
        precision, recall, groups = pairwise(vectors[rows], persons[rows], weak_of(faces, rows))
        print(
            f"{name}: true accepts at 1 in 1,000 false ones {accepted:.3f} (score {at:.3f}); "
            f"grouping: pairwise precision {precision:.4f}, recall {recall:.3f}, "
            f"{groups} groups of {len(set(persons[rows].tolist()))} persons"
        )
    report_looks(vectors, persons)
    report_groups(reader, folder, vectors, persons)


def report_looks(vectors: NDArray[np.float32], persons: NDArray[np.str_]) -> None:
    """Whether a second look of a person, with one confirmed face, is found.

    The two looks are two persons of the persons s21 to s40 of `orl`: as unlike as looks can be.
    """
    names = [f"orl/s{number}" for number in range(21, 41)]
    found = wrong = sought = others = 0
    for one, other in zip(names[::2], names[1::2], strict=True):
        looks = np.flatnonzero(persons == one), np.flatnonzero(persons == other)
        numbers, confirmed = np.zeros((2, len(persons)), np.int64)
        numbers[looks[0]] = 1
        confirmed[looks[0][:5]] = 1
        numbers[looks[1][:1]] = confirmed[looks[1][:1]] = 1
        for row in np.flatnonzero(np.isin(persons, names) & (numbers == 0)).tolist():
            is_it = grouping.nearest_person(vectors[row], vectors, numbers, confirmed, False) == 1
            if persons[row] == other:
                found, sought = found + is_it, sought + 1
            else:
                wrong, others = wrong + is_it, others + 1
    print(
        f"a second look, of which one face is confirmed: {found} of {sought} further faces found, "
        f"{wrong} of {others} faces of others taken for it"
    )


def weak_of(faces: Sequence[FoundFace], rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.array([is_weak(face) for face in faces])[rows]


def is_weak(face: FoundFace) -> bool:
    quality, turn = face.quality, face.turn
    assert quality is not None and turn is not None  # this reader measures both
    return not may_found_group(face.size_px, face.score, quality, turn)


def true_accepts(
    vectors: NDArray[np.float32], persons: NDArray[np.str_], false_rate: float
) -> tuple[float, float]:
    """The share of pairs of one person above the score that this share of others reach."""
    scores, is_same = pairs_of(vectors, persons)
    others = np.sort(scores[~is_same])[::-1]
    at = float(others[int(len(others) * false_rate)])
    return float((scores[is_same] > at).mean()), at


def pairs_of(
    vectors: NDArray[np.float32], persons: NDArray[np.str_]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    first, second = np.triu_indices(len(vectors), 1)
    return (vectors @ vectors.T)[first, second], persons[first] == persons[second]


def pairwise(
    vectors: NDArray[np.float32], persons: NDArray[np.str_], weak: NDArray[np.bool_]
) -> tuple[float, float, int]:
    """Precision and recall of the pairs of faces that are in one group, and groups."""
    count = len(vectors)
    faces = Faces(
        np.ascontiguousarray(vectors), np.arange(count), np.full(count, -1), frozenset(), weak
    )
    looks = group_faces(faces).looks
    first, second = np.triu_indices(count, 1)
    joined = (looks[first] == looks[second]) & (looks[first] >= 0)
    is_same = persons[first] == persons[second]
    right = int((joined & is_same).sum())
    return right / max(1, int(joined.sum())), right / int(is_same.sum()), int(looks.max()) + 1


def report_groups(
    reader: FaceReader, folder: Path, vectors: NDArray[np.float32], persons: NDArray[np.str_]
) -> None:
    """Faces of group photos, joined with persons of whom five pictures each are confirmed."""
    names = sorted({each for each in persons.tolist() if each.startswith("persons/")})
    numbers = np.array([names.index(each) + 1 if each in names else 0 for each in persons.tolist()])
    for path in sorted((folder / "groups").iterdir()):
        found = read(reader, path)
        lines = []
        for face in found:
            scores = person_scores(face.vector, vectors, numbers, numbers)
            person = grouping.nearest_person(
                face.vector, vectors, numbers, numbers, is_weak=is_weak(face)
            )
            best = max(scores.values(), default=0.0)
            name = names[person - 1].partition("/")[2] if person else "-"
            lines.append(f"{name} {best:.2f} at {face.x:.2f}")
        print(f"{path.name}: {len(found)} faces: {', '.join(sorted(lines))}")


# ------------------------------------------------------------------------- strangers


def report_strangers(
    reader: FaceReader, folder: Path, splits: Sequence[str], sheet: Path | None
) -> None:
    """The groups that are proposed among photos of mostly different people."""
    paths = photos_of(folder, splits)
    faces: list[FoundFace] = []
    where: list[int] = []
    for number, path in enumerate(paths):
        found = read(reader, path)
        faces += found
        where += [number] * len(found)
    weak = weak_of(faces, np.ones(len(faces), np.bool_))
    vectors = np.stack([face.vector for face in faces])
    unknown = np.full(len(faces), -1)
    looks = group_faces(Faces(vectors, np.array(where), unknown, frozenset(), weak)).looks
    groups = [np.flatnonzero(looks == look).tolist() for look in range(int(looks.max()) + 1)]
    right = 0
    for number, group in enumerate(groups):
        names = frozenset(paths[where[row]].name for row in group)
        is_right = any(names <= known for known in SAME_PEOPLE)
        right += is_right
        print(f"group {number}: {'right' if is_right else 'wrong'}: {', '.join(sorted(names))}")
    print(
        f"strangers: {len(paths)} photos, {len(faces)} faces, {int((~weak).sum())} of them may "
        f"found a group; {len(groups)} groups, {right} right, {len(groups) - right} wrong"
    )
    if sheet is not None:
        save_sheet(sheet, [[(paths[where[row]], faces[row]) for row in group] for group in groups])


def photos_of(folder: Path, splits: Sequence[str]) -> list[Path]:
    """The photos of these splits of Flickr8k, in the order of their names."""
    with (folder / "captions.csv").open(encoding="utf-8") as lines:
        names = {row["image"] for row in csv.DictReader(lines) if row["split"] in splits}
    return sorted(path for path in folder.rglob("*.jpg") if path.name in names)


def save_sheet(path: Path, groups: Sequence[Sequence[tuple[Path, FoundFace]]]) -> None:
    """Save a picture with a row for each group: its faces, with what is around them."""
    most = max(map(len, groups), default=1)
    sheet = Image.new("RGB", (_CUT_PX * most, _CUT_PX * max(1, len(groups))), "white")
    for row, group in enumerate(groups):
        for column, (photo_path, face) in enumerate(group):
            with Image.open(photo_path) as photo:
                width, height = photo.size
                side = max(face.width * width, face.height * height)
                x, y = (face.x + face.width / 2) * width, (face.y + face.height / 2) * height
                box = (int(x - side), int(y - side), int(x + side), int(y + side))
                cut = photo.convert("RGB").crop(box).resize((_CUT_PX, _CUT_PX))
            sheet.paste(cut, (_CUT_PX * column, _CUT_PX * row))
    sheet.save(path)


# ------------------------------------------------------------------------- counts


def report_counts(reader: FaceReader, folder: Path, split: str, most: int) -> None:
    """How often the number of faces agrees with captions that name nobody, one or two people."""
    captions: dict[str, list[str]] = defaultdict(list)
    with (folder / "captions.csv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            if row["split"] == split:
                captions[row["image"]].append(row["caption"].lower())
    files = {path.name: path for path in folder.rglob("*.jpg")}
    counts: dict[int, list[int]] = {0: [], 1: [], 2: []}
    seconds: dict[int, list[float]] = defaultdict(list)
    for image, texts in sorted(captions.items()):
        people = people_in(texts)
        if people is None or len(counts[people]) >= most:
            continue
        with Image.open(files[image]) as photo:
            pixels = photo.convert("RGB")
        started_s = time.process_time()
        faces = len(reader.read(pixels))
        seconds[min(faces, 3)].append(time.process_time() - started_s)
        counts[people].append(faces)
    for people, found in counts.items():
        faces_found = np.array(found)
        print(
            f"captions name {people}: {len(found)} photos, as many faces in "
            f"{(faces_found == people).mean():.2f}, fewer in {(faces_found < people).mean():.2f}, "
            f"more in {(faces_found > people).mean():.2f}"
        )
    for faces, each in sorted(seconds.items()):
        print(f"{faces} faces: {1000 * float(np.median(each)):.0f} ms of a core a photo")


def people_in(captions: Sequence[str]) -> int | None:
    """The number of people that the captions of a photo name; None where they leave it open."""
    if not any(map(_ANYBODY.search, captions)):
        return 0
    if sum(bool(_TWO.search(each)) for each in captions) >= 4:
        return 2
    if all(map(_ONE.search, captions)) and not any(map(_MORE.search, captions)):
        return 1
    return None


# ------------------------------------------------------------------------- scale


def report_scale(count: int) -> None:
    """Time and memory of grouping made-up faces of persons of very different sizes.

    A third of the faces shows too little to found a group, and of the hundred persons with the most
    faces, five faces each are confirmed.
    """
    if sys.platform == "win32":
        raise NotImplementedError("needs Unix")
    rng = np.random.default_rng(1)
    sizes = np.minimum(np.maximum(1, (rng.pareto(1.0, count) * 3).astype(int)), 3000)
    who = np.repeat(np.arange(len(sizes)), sizes)[:count]
    rng.shuffle(who)
    centres = rng.standard_normal((int(who.max()) + 1, 128)).astype(np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    vectors = 1.25 * centres[who] + rng.standard_normal((count, 128)).astype(np.float32) / 128**0.5
    vectors = np.ascontiguousarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    moments = np.sort(rng.integers(0, count * 2 // 3, count))
    weak = rng.random(count) < 1 / 3
    confirmed = np.zeros(count, np.int64)
    for number, person in enumerate(np.argsort(-np.bincount(who))[:100].tolist(), 1):
        confirmed[np.flatnonzero(who == person)[:5]] = number
    known = np.where(confirmed > 0, confirmed, -1)
    before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    started_s, started_cpu_s = time.monotonic(), time.process_time()
    groups = group_faces(Faces(vectors, moments, known, frozenset(), weak))
    # The looks of one person are one group.
    looks = np.where(groups.persons > 0, groups.persons + count, groups.looks)
    seconds, cpu_s = time.monotonic() - started_s, time.process_time() - started_cpu_s
    more_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before_mb
    started_s = time.monotonic()
    grouping.nearest_person(vectors[0], vectors, looks + 1, confirmed, is_weak=False)
    one_ms = 1000 * (time.monotonic() - started_s)
    grouped = looks >= 0
    sizes_of = np.unique(looks[grouped], return_counts=True)[1].astype(float)
    both = np.unique(np.stack((looks[grouped], who[grouped])), axis=1, return_counts=True)[1]
    true = np.unique(who, return_counts=True)[1].astype(float)
    right = (both * (both - 1.0)).sum()
    print(
        f"{count:,} faces of {len(true):,} persons, the largest of {int(true.max()):,}: "
        f"{seconds:.1f} s, {cpu_s:.1f} s of processor time, {more_mb:.0f} MB more; pairwise "
        f"precision {right / (sizes_of * (sizes_of - 1)).sum():.4f}, "
        f"recall {right / (true * (true - 1)).sum():.3f}; a new face joins in {one_ms:.0f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("faces", type=Path, nargs="?")
    parser.add_argument("flickr8k", type=Path, nargs="?")
    parser.add_argument("--split", default="test")
    parser.add_argument("--most", type=int, default=150, help="photos of each number of people")
    parser.add_argument("--strangers", nargs="+", metavar="SPLIT", help="groups in these splits")
    parser.add_argument("--sheet", type=Path, help="a picture of these groups")
    parser.add_argument("--scale", type=int, metavar="FACES", help="group so many made-up faces")
    arguments = parser.parse_args()
    if arguments.scale:
        report_scale(arguments.scale)
    if arguments.faces is not None:
        reader = open_reader(Settings.load().cache_dir)
        if arguments.strangers:
            report_strangers(reader, arguments.flickr8k, arguments.strangers, arguments.sheet)
            return
        report_persons(reader, arguments.faces)
        if arguments.flickr8k is not None:
            report_counts(reader, arguments.flickr8k, arguments.split, arguments.most)


if __name__ == "__main__":
    main()
