"""The report of the last trial of an encoder, in a file of the data folder."""

from __future__ import annotations

from pathlib import Path

import msgspec

from imgsearch import private_files
from imgsearch.errors import DiskError
from imgsearch.records.trial import EncoderTrial

TRIAL_FILE = "trial.json"


def read_trial(data_dir: Path) -> EncoderTrial | None:
    """Return the report of the last trial; None without one, and if its file cannot be read."""
    try:
        return msgspec.json.decode((data_dir / TRIAL_FILE).read_bytes(), type=EncoderTrial)
    except (OSError, msgspec.DecodeError):
        return None


def write_trial(data_dir: Path, trial: EncoderTrial) -> None:
    """Store the report in place of the one before. Raises DiskError."""
    private_files.replace_file(data_dir / TRIAL_FILE, msgspec.json.encode(trial))


def delete_trial(data_dir: Path) -> None:
    """Delete the report. Raises DiskError."""
    try:
        (data_dir / TRIAL_FILE).unlink(missing_ok=True)
    except OSError as error:
        raise DiskError(
            f"Cannot delete {data_dir / TRIAL_FILE} ({error.strerror}). Make the folder writable."
        ) from error
