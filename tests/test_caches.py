"""The two kinds of caches: in memory by a version, and in files with a bound."""

from __future__ import annotations

import os
import stat
import threading
import time
from pathlib import Path

import pytest

from imgsearch.caches import FileCache, MemoryCache
from tests.factories import SimulatedClock


class Computed:
    """Computes a value that says how often it was computed."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> int:
        self.times += 1
        return self.times


def test_a_value_is_computed_once_for_each_version() -> None:
    cache, compute, version = MemoryCache[str](10, keeps_outdated=True), Computed(), [1]
    for _ in range(3):
        assert cache.get("key", compute, lambda: version[0]) == 1
    version[0] = 2
    assert cache.latest("key") == 1
    assert cache.get("key", compute, lambda: version[0]) == 2
    assert cache.latest("key") == 2
    assert cache.get("another", compute, lambda: version[0]) == 3
    cache.forget("key", "unknown")
    assert cache.latest("key") is None
    assert cache.get("key", compute, lambda: version[0]) == 4
    cache.clear()
    assert cache.latest("another") is None


def test_a_change_while_a_value_is_computed_shows_at_the_next_request() -> None:
    cache, version = MemoryCache[str](10), [1]

    def compute() -> int:
        read = version[0]
        version[0] += 1
        return read

    assert cache.get("key", compute, lambda: version[0]) == 1
    assert cache.get("key", compute, lambda: version[0]) == 2


def test_the_values_used_longest_ago_go_first() -> None:
    cache, computed = MemoryCache[str](100), list[str]()

    def get(key: str, size: int) -> None:
        def compute() -> str:
            computed.append(key)
            return key

        assert cache.get(key, compute, lambda: None, lambda _: size) == key

    for key, size in (("a", 50), ("b", 50), ("a", 50), ("c", 50), ("a", 50), ("b", 50)):
        get(key, size)
    assert computed == ["a", "b", "c", "b"]
    get("too large", 101)
    get("too large", 101)
    assert computed[4:] == ["too large", "too large"]
    assert cache.latest("b") == "b", "one that is too large is not kept, and takes no other's place"


def test_outdated_values_take_no_memory() -> None:
    cache, compute, version = MemoryCache[str](10), Computed(), [1]
    for key in ("a", "b"):
        cache.get(key, compute, lambda: version[0])
    version[0] = 2
    assert cache.get("a", compute, lambda: version[0]) == 3
    assert (cache.latest("a"), cache.latest("b")) == (3, None)


def test_a_young_value_is_given_without_asking_for_the_version() -> None:
    clock = SimulatedClock()
    cache, compute, asked = MemoryCache[str](10, now_s=clock), Computed(), Computed()

    def get() -> int:
        return cache.get("key", compute, lambda: min(asked(), 3), unchecked_s=60)

    assert (get(), get(), asked.times) == (1, 1, 1)
    clock.sleep(60)
    assert (get(), get(), asked.times) == (2, 2, 2)
    clock.sleep(60)
    assert (get(), asked.times) == (3, 3)
    clock.sleep(60)
    assert (get(), get(), asked.times) == (3, 3, 4), "the same version: not computed again"


def test_threads_that_want_the_same_value_compute_it_once_and_do_not_wait_for_others() -> None:
    cache, both, may_end = MemoryCache[str](10), threading.Barrier(2), threading.Event()
    computed: list[str] = []

    def slow() -> str:
        computed.append("slow")
        may_end.wait()
        return "slow"

    def ask() -> None:
        both.wait()
        assert cache.get("slow", slow, lambda: 1) == "slow"

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    while not computed:
        time.sleep(0.001)
    assert cache.get("quick", lambda: "quick", lambda: 1) == "quick"
    assert cache.latest("slow") is None
    may_end.set()
    for thread in threads:
        thread.join()
    assert computed == ["slow"]


def test_a_value_can_be_looked_up_and_stored_in_two_steps() -> None:
    cache = MemoryCache[str](100)
    assert cache.known("key", 1) is None
    cache.keep("key", 1, "value", 60)
    assert cache.known("key", 1) == "value"
    assert cache.known("key", 2) is None
    cache.keep("another", 1, "value", 60)
    assert cache.known("key", 1) is None, "both together are too large"
    assert cache.get("another", lambda: "computed", lambda: 1) == "value"


def test_several_values_can_be_looked_up_at_once() -> None:
    cache = MemoryCache[str](3)
    for key, version in (("a", 1), ("b", 1), ("c", 1)):
        cache.keep(key, version, key.upper())
    assert cache.known_among(["a", "b", "unknown"], 1) == {"a": "A", "b": "B"}
    assert cache.known_among(["a", "b"], 2) == {}
    cache.keep("d", 1, "D")
    assert cache.known_among("abcd", 1) == {"a": "A", "b": "B", "d": "D"}, "c was not used since"


def test_a_failure_is_not_kept() -> None:
    cache, compute = MemoryCache[str](10), Computed()

    def fail() -> int:
        raise OSError("away")

    with pytest.raises(OSError, match="away"):
        cache.get("key", fail, lambda: 1)
    assert cache.get("key", compute, lambda: 1) == 1


def test_files_are_private_and_whole(tmp_path: Path) -> None:
    cache = FileCache(tmp_path / "files", 1000, parts=256)
    assert cache.get("ab12") is None
    cache.put("ab12", b"content")
    assert cache.get("ab12") == b"content"
    assert FileCache(tmp_path / "files", 1000, parts=256).get("ab12") == b"content"
    file = tmp_path / "files" / "ab" / "ab12"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    for damaged in (b"", b"short", file.read_bytes()[:-1], b"x" + file.read_bytes()[1:]):
        file.write_bytes(damaged)
        assert cache.get("ab12") is None
    cache.put("ab12", b"")
    assert cache.get("ab12") == b""


def test_the_files_used_longest_ago_are_deleted_first(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, 10 * 108)
    now = time.time()
    for number in range(10):
        cache.put(str(number), b"%100d" % number)
        os.utime(tmp_path / str(number), (now - 90_000 + number,) * 2)
    assert cache.get("0") is not None  # recorded as used now
    cache.put("10", b"x" * 100)
    kept = {file.name for file in tmp_path.iterdir()}
    assert kept == {"0", "3", "4", "5", "6", "7", "8", "9", "10"}, "a tenth is free again"
    cache.put("large", b"x" * 5000)
    assert {file.name for file in tmp_path.iterdir()} == {"large"}, "the newest stays"


def test_files_that_another_process_wrote_count(tmp_path: Path) -> None:
    one, other = FileCache(tmp_path, 500), FileCache(tmp_path, 500)
    for number in range(4):
        one.put(f"one {number}", b"x" * 92)
        other.put(f"other {number}", b"x" * 92)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 900
    FileCache(tmp_path, 500).put("last", b"x" * 92)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 500


def test_old_files_are_deleted_and_not_given(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, 1000, max_age_s=60)
    cache.put("old", b"x")
    os.utime(tmp_path / "old", (time.time() - 61,) * 2)
    assert cache.get("old") is None
    cache.put("new", b"x")
    assert [file.name for file in tmp_path.iterdir()] == ["new"]


def test_what_a_killed_process_left_is_deleted(tmp_path: Path) -> None:
    (tmp_path / ".name.1-2.part").touch()
    os.utime(tmp_path / ".name.1-2.part", (1, 1))
    FileCache(tmp_path, 1000).put("name", b"x")
    assert [file.name for file in tmp_path.iterdir()] == ["name"]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = FileCache(tmp_path / "file", 1000)
    assert cache.get("name") is None
    with pytest.raises(OSError):
        cache.put("name", b"x")
