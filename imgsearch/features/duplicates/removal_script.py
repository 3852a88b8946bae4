"""A shell script that moves near-duplicates out of the way, for a person to read and to run.

imgsearch itself never touches a photo. The script is for the POSIX shell, and safe with any file
name: a name is quoted as a whole, and names are bytes, not text.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path

from imgsearch.errors import CommandLine, Sentence, UsageError
from imgsearch.features.duplicates.records import DuplicateGroup, GroupedPhoto
from imgsearch.text import SCHEME, path_text, printable
from imgsearch.version import VERSION

_HEAD = r"""#!/bin/sh
# Near-duplicates of photos, to be moved out of the way. Written by imgsearch @VERSION@, @TODAY@.
#
#   sh FILE             says what would be moved, and changes nothing
#   sh FILE --trash     moves the files to the trash
#   sh FILE --to DIR    moves them into the folder DIR, each under its whole path; choose a folder
#                       outside of your photo folders
#
# Nothing is deleted. A file is moved only if it, and a photo that is kept in its place, still have
# the content that imgsearch has read. What follows the functions are your photos, group by group:
# "move" names a file to be moved, and "keep" one that stays. Delete the lines of files that you
# want to stay where they are.
set -u
LC_ALL=C
export LC_ALL

usage() {
    echo "Usage: sh FILE [--trash | --to DIR]" >&2
    exit 2
}

mode=show folder=
case $# in
    0) ;;
    1) [ "$1" = --trash ] || usage
       mode=trash ;;
    2) [ "$1" = --to ] && [ -n "$2" ] || usage
       mode=to folder=$2 ;;
    *) usage ;;
esac
case $folder in
    '' | /*) ;;
    *) folder=$PWD/$folder ;;
esac

# The BLAKE2b hash of what is read, 256 bits long.
nothing=0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8
by_b2sum() { b2sum -l 256; }
by_python() {
    python3 -c 'import hashlib, sys
digest = hashlib.blake2b(digest_size=32)
for part in iter(lambda: sys.stdin.buffer.read(1 << 20), b""):
    digest.update(part)
print(digest.hexdigest())'
}
digest=
for each in by_b2sum by_python; do
    found=$($each 2>/dev/null </dev/null) || continue
    if [ "${found%% *}" = $nothing ]; then digest=$each; break; fi
done
if [ -z "$digest" ]; then
    echo "To compare the files, this needs b2sum (of GNU coreutils) or python3." >&2
    exit 2
fi

trash=
if [ $mode = trash ]; then
    for each in gio trash-put trash; do
        command -v $each >/dev/null 2>&1 && trash=$each && break
    done
    if [ -z "$trash" ]; then
        echo "Moving to the trash needs gio, trash-put or trash. Or use: --to DIR" >&2
        exit 2
    fi
fi
to_trash() {
    case $trash in
        gio) gio trash "$1" ;;
        *) $trash "$1" ;;
    esac
}
to_folder() {
    target=$folder$1
    if [ -e "$target" ] || [ -L "$target" ]; then
        echo "There is one already." >&2
        return 1
    fi
    mkdir -p "${target%/*}" && mv "$1" "$target" </dev/null
}

intact() {
    [ -f "$1" ] && [ ! -L "$1" ] && [ -r "$1" ] && found=$($digest <"$1") &&
        [ "${found%% *}" = "$2" ]
}
say() {
    printf '%s ' "$1"
    printf '%s' "$2" | tr '\000-\037\177' '?'
    printf '%s\n' "${3-}"
}
moved=0 left=0
leave() {
    left=$((left + 1))
    say Left "$1" ": $2"
}
group() { kept=no; }
keep() {
    if [ $kept = no ] && intact "$1" "$2"; then kept=yes; fi
}
move() {
    if [ ! -e "$1" ]; then
        leave "$1" "it is not there"
    elif ! intact "$1" "$2"; then
        leave "$1" "it has changed, or cannot be read"
    elif [ $kept = no ]; then
        leave "$1" "no photo that is kept in its place is as it was"
    elif [ $mode = show ]; then
        moved=$((moved + 1))
        say "Would move" "$1"
    elif if [ $mode = trash ]; then to_trash "$1"; else to_folder "$1"; fi; then
        moved=$((moved + 1))
        say Moved "$1"
    else
        leave "$1" "it could not be moved"
    fi
}
"""
_TAIL = r"""
if [ $mode = show ]; then
    echo "Would be moved: $moved. Would be left: $left. Nothing was changed."
    echo "To move them, add: --trash, or --to DIR"
else
    echo "Moved: $moved. Left: $left."
fi
[ $left -eq 0 ]
"""


def removal_script(groups: Sequence[DuplicateGroup]) -> bytes:
    """Return the script that moves all photos of these groups that are not kept.

    Without an argument it only says what it would do; with `--trash` or `--to DIR` it moves. It
    leaves a file alone where the file has changed, or all of its group that are kept have. Its
    exit code is 0 if nothing was left alone, otherwise 1, and 2 for wrong usage. Raises UsageError
    for a group without a photo to keep, and for photos in object storage.
    """
    if has_objects(groups):
        raise UsageError(
            Sentence(
                "A script moves files, and some of these photos are in object storage. Take "
                "the list of paths: ",
                CommandLine("duplicates --list"),
            )
        )
    head = _HEAD.replace("@VERSION@", VERSION).replace("@TODAY@", f"{date.today():%Y-%m-%d}")
    return b"".join([head.encode(), *_lines(groups), _TAIL.encode()])


def has_objects(groups: Iterable[DuplicateGroup]) -> bool:
    """Return whether some photos of these groups are in object storage.

    No script moves them there.
    """
    return any(
        SCHEME.match(path_text(path))
        for group in groups
        for photo in group.photos
        for path in photo.hit.paths
    )


def removal_paths(groups: Iterable[DuplicateGroup]) -> list[Path]:
    """Return the files of all photos of these groups that are not kept."""
    return [path for group in groups for photo in group.others for path in photo.hit.paths]


def _lines(groups: Iterable[DuplicateGroup]) -> Iterator[bytes]:
    for group in groups:
        if not group.kept:
            raise UsageError("Keep at least one photo of each group.")
        if group.others:
            yield b"\ngroup\n"
            for photo in group.kept:
                yield from _commands("keep", photo)
            for photo in group.others:
                yield from _commands("move", photo)


def _commands(name: str, photo: GroupedPhoto) -> Iterator[bytes]:
    found = photo.hit.photo
    for path in photo.hit.paths:
        yield b"%b %b %b  # %b\n" % (
            name.encode(),
            _quoted(path),
            found.content_hash.encode(),
            printable(photo.reason).encode(),
        )


def _quoted(path: Path) -> bytes:
    """Return the path as one word of the shell.

    Between single quotes, only a single quote is special.
    """
    return b"'" + os.fsencode(path).replace(b"'", b"'\\''") + b"'"
