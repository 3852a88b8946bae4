"""Settings: each source overrides the ones before, and the message names an invalid value."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgsearch import Settings
from imgsearch.config import default_data_dir
from imgsearch.errors import SettingsError


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("IMGSEARCH_"):
            monkeypatch.delenv(name)


def test_defaults_run_from_a_checkout() -> None:
    settings = Settings.load()
    assert settings.data_dir == default_data_dir() == Path(__file__).parent.parent / "index_data"
    assert settings.encoder == "auto"
    assert settings.max_megapixels == 200
    assert settings.thread_count >= 1
    assert settings.batch_size == 0


def test_each_source_overrides_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "imgsearch.toml").write_text('encoder = "from-file"\nmax_megapixels = 50\n')
    assert Settings.load(data_dir=tmp_path).encoder == "from-file"
    monkeypatch.setenv("IMGSEARCH_ENCODER", "from-environment")
    assert Settings.load(data_dir=tmp_path).encoder == "from-environment"
    settings = Settings.load(data_dir=tmp_path, encoder="from-argument")
    assert settings.encoder == "from-argument"
    assert settings.max_megapixels == 50.0


def test_a_switch_is_on_or_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.load(data_dir=tmp_path).stack_raw is False
    (tmp_path / "imgsearch.toml").write_text("stack_raw = true\n")
    assert Settings.load(data_dir=tmp_path).stack_raw is True
    for word in ("no", "0", "False", "off"):
        monkeypatch.setenv("IMGSEARCH_STACK_RAW", word)
        assert Settings.load(data_dir=tmp_path).stack_raw is False
    assert Settings.load(data_dir=tmp_path, stack_raw=True).stack_raw is True


def test_the_data_folder_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMGSEARCH_DATA", str(tmp_path / "a"))
    monkeypatch.setenv("IMGSEARCH_CACHE", str(tmp_path / "c"))
    settings = Settings.load()
    assert (settings.data_dir, settings.cache_dir) == (tmp_path / "a", tmp_path / "c")
    assert Settings.load(data_dir=tmp_path / "b").data_dir == tmp_path / "b"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("encodr = 'lite'", "unknown setting 'encodr'"),
        ("max_megapixels = 'many'", "max_megapixels must be a number"),
        ("max_megapixels = 0", "must be above 0"),
        ("threads = -1", "threads must be 0"),
        ("batch_size = -1", "batch_size must be 0"),
        ("batch_size = 'large'", "batch_size must be a whole number"),
        ("encoder = 3", "encoder must be a name"),
        ("stack_raw = 'perhaps'", "stack_raw must be true or false"),
        ("encoder = ", "Cannot read"),
    ],
)
def test_an_invalid_setting_is_named(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "imgsearch.toml").write_text(content)
    with pytest.raises(SettingsError, match=message):
        Settings.load(data_dir=tmp_path)


def test_a_data_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="must be a folder, not ''"):
        Settings.load(data_dir="")
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"file is not a folder\. Choose another with --data"):
        Settings.load(data_dir=tmp_path / "file")


def test_a_settings_file_in_another_encoding_is_reported(tmp_path: Path) -> None:
    (tmp_path / "imgsearch.toml").write_text("stack_raw = true\n", encoding="utf-16")
    with pytest.raises(SettingsError, match=r"imgsearch\.toml: it is not text in UTF-8"):
        Settings.load(data_dir=tmp_path)
