"""Measures the text that the gate and the reader find in photos, and their time.

    python -m benchmarks.bench_text DATA --work build/bench-text

DATA is the folder with coco-dev, flickr8k and camera. The 400 photos are those of
text_in_photos.csv; beside 60 of them stand words that were read by eye, not all where there are
many. The gate was chosen on other photos. Each photo is looked at and read, and both are timed; so
it is known what is found by reading the photos that pass, and what by reading all. A run that was
stopped continues; to measure the time again, delete the work folder.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from imgsearch import Library, Settings
from imgsearch.decode.reader import decode
from imgsearch.encoders.prompts import embed_texts
from imgsearch.encoders.registry import open_encoder
from imgsearch.features.text.reader import LOOK_SIDE_PX, LOOK_THRESHOLD, open_reader
from imgsearch.features.text.reading import CERTAIN, DESCRIPTIONS
from imgsearch.indexer.likely_photos import likeliness
from imgsearch.records.picture_text import searchable_texts, words_in_text
from imgsearch.store.reads import Reads

WORDS = Path(__file__).with_name("text_in_photos.csv")
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
WITH_WORDS = "with words"  # name of a folder


def words_by_photo() -> dict[str, list[str]]:
    """The words that stand in each photo, each once; none for most."""
    with WORDS.open(encoding="utf-8") as lines:
        return {
            row["photo"]: list(dict.fromkeys(words_in_text(row["words"])))
            for row in csv.DictReader(lines)
        }


def link_photos(data: Path, words: Mapping[str, Sequence[str]], folder: Path) -> dict[str, Path]:
    """Links to the photos, those with words in a folder of their own; the links by photo."""
    links = {}
    for photo in words:
        link = folder.absolute() / (WITH_WORDS if words[photo] else "others")
        link.mkdir(parents=True, exist_ok=True)
        links[photo] = link = link / photo.replace("/", "--")
        if not link.is_symlink():
            link.symlink_to(data.resolve() / photo)
    return links


def look_at(links: Mapping[str, Path], megapixels: float) -> dict[str, float]:
    """Look at each photo with one thread. Prints the time."""
    reader = open_reader(1)
    looks, started_s, decode_s = {}, time.process_time(), 0.0
    for photo, link in links.items():
        before_s = time.process_time()
        image = decode(link, LOOK_SIDE_PX, megapixels).image
        decode_s += time.process_time() - before_s
        looks[photo] = reader.look(image)
    cpu_s = (time.process_time() - started_s) / len(links)
    print(
        f"A look takes {cpu_s:.3f} s of processor time, {decode_s / len(links):.3f} s of it to "
        "decode the photo."
    )
    return looks


def report_gate(
    scores: Mapping[str, float], looks: Mapping[str, float], words: Mapping[str, Sequence[str]]
) -> None:
    """Print the share of text in the photos that are read: by vectors alone, and after a look.

    Photos with a certain score come first, then those with text in the small copy, then the rest.
    """
    photos_with_text = sum(bool(words[photo]) for photo in scores)
    all_words = sum(len(words[photo]) for photo in scores)

    def group(photo: str) -> int:
        return 2 if scores[photo] >= CERTAIN else int(looks[photo] >= LOOK_THRESHOLD)

    by_vectors = sorted(scores, key=lambda photo: -scores[photo])
    ranked = sorted(scores, key=lambda photo: (-group(photo), -scores[photo]))
    passed = sum(group(photo) > 0 for photo in ranked) / len(ranked)
    certain = sum(group(photo) > 1 for photo in ranked) / len(ranked)
    print(f"\nWithout a look: {certain:.1%} of the photos.")
    print(
        "\n| read of all photos | photos with text | words | by vectors alone |\n|---|---|---|---|"
    )
    for share in sorted({*SHARES, passed}):
        count = round(share * len(ranked))
        found, alone = (
            sum(bool(words[photo]) for photo in each[:count]) / photos_with_text
            for each in (ranked, by_vectors)
        )
        found_words = sum(len(words[photo]) for photo in ranked[:count]) / all_words
        mark = " (those that pass)" if share == passed else ""
        print(f"| {share:.1%}{mark} | {found:.1%} | {found_words:.1%} | {alone:.1%} |")
    for photo in ranked:
        if words[photo] and not group(photo):
            print(f"  passed over: {photo}: {' '.join(words[photo])}")


def report_reader(read: Mapping[str, Sequence[str]], words: Mapping[str, Sequence[str]]) -> None:
    """Print the share of words that were read."""
    with_text = [photo for photo in words if words[photo] and photo in read]
    found = sum(word in read[photo] for photo in with_text for word in words[photo])
    total = sum(len(words[photo]) for photo in with_text)
    some = sum(any(word in read[photo] for word in words[photo]) for photo in with_text)
    print(f"\nWords read: {found} of {total} ({found / total:.1%}).")
    print(f"Photos of which a word was read: {some} of {len(with_text)}.")
    others = [bool(read[photo]) for photo in read if not words[photo]]
    print(f"Of {len(others)} other photos that were read, {sum(others)} gave some text.")
    for photo in with_text:
        missed = [word for word in words[photo] if word not in read[photo]]
        if missed:
            print(f"  missed in {photo}: {' '.join(missed)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    arguments = parser.parse_args()
    words = words_by_photo()
    folder = arguments.work / "photos"
    links = link_photos(arguments.data, words, folder)
    settings = Settings.load(
        data_dir=arguments.work / "library",
        cache_dir=arguments.work / "cache",
        encoder="lite",
        service="off",
    )
    with Library.open(settings, print) as library:
        print(library.index([folder]).run())
        started_s, cpu_s = time.monotonic(), time.process_time()
        report = library.text.read(everything=True).run()
        wall_s, cpu_s = time.monotonic() - started_s, time.process_time() - cpu_s
        print(report)
        if report.tried:
            print(
                f"{wall_s / report.tried:.2f} s a photo, {cpu_s / report.tried:.2f} s of processor "
                "time; the loading of the models included."
            )
    encoder = open_encoder("lite", settings.cache_dir)
    reads = Reads.open(settings.data_dir)
    found_ids = ((photo, reads.photos.at(link)) for photo, link in links.items())
    ids = {photo: photo_id for photo, photo_id in found_ids if photo_id is not None}
    texts = reads.photos.texts(ids.values())
    read = {
        photo: " ".join(searchable_texts(texts[photo_id].lines)).split()
        for photo, photo_id in ids.items()
        if photo_id in texts
    }
    row = reads.encoders.in_use()
    by_id = likeliness(
        reads,
        row.key,
        lambda each: embed_texts(encoder, row.name, each),
        ids.values(),
        DESCRIPTIONS,
    )
    scores = {photo: by_id[each] for photo, each in ids.items() if each in by_id}
    print(f"{len(scores)} of {len(words)} photos have a vector, {len(read)} were read.")
    report_gate(scores, look_at(links, settings.max_megapixels), words)
    report_reader(read, words)


if __name__ == "__main__":
    main()
