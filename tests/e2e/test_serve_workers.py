"""The service with several processes: real ones, killed for real."""

from __future__ import annotations

import re
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path

import psutil
import pytest

from imgsearch import Example, Library, Query, Settings, Term
from imgsearch.operations.records import dump_json, to_json
from imgsearch.service.address import SOCKET
from imgsearch.service.api import Asking
from imgsearch.service.client import Client, ServiceUnavailable, connect
from tests.factories import PATIENCE_S, run_cli, wait_until, write_photo
from tests.services import serving

if sys.platform == "win32":
    pytest.skip("needs Unix", allow_module_level=True)

WORKERS = 2
CLIENTS = 8
ASKED = 20  # times by each client


@pytest.fixture
def settings(tmp_path: Path, demo_photos: Path) -> Iterator[Settings]:
    """The settings of a library of the demo photos."""
    opened = Settings.load(data_dir=tmp_path / "library", encoder="lite")
    with Library.open(opened) as library:
        library.index([demo_photos]).run()
    yield opened


def workers_of(pid: int) -> list[psutil.Process]:
    """The processes that answer: forked by the only child that forks."""
    children = psutil.Process(pid).children()
    return [each for child in children for each in child.children()]


def asking(settings: Settings) -> Asking:
    return Asking(settings, lambda: Library.open(settings))


def test_several_processes_answer_as_the_library_does(
    settings: Settings, demo_photos: Path
) -> None:
    """Words, new and known, and examples: the model is in the process that started the others."""
    queries: list[str | Query] = ["a cat", "a rocket that was never searched for", "espresso"]
    queries.append(Query((Term(Example(demo_photos / "chelsea.png")),)))
    with serving(settings.data_dir, "--workers", str(WORKERS)) as (process, _):
        assert len(workers_of(process.pid)) == WORKERS
        client = Client(settings)
        answers = [dump_json(to_json(client.call(Library.find, query))) for query in queries * 4]
    with Library.open(settings) as library:
        expected = [dump_json(to_json(library.find(query))) for query in queries] * 4
    assert answers == expected


def test_a_worker_that_is_killed_costs_no_answer_and_is_replaced(settings: Settings) -> None:
    with serving(settings.data_dir, "--workers", str(WORKERS)) as (process, _):
        ask = asking(settings)
        expected = ask(Library.find, "a cat").hits[0].path
        before = {each.pid for each in workers_of(process.pid)}

        def keep_asking(client: int) -> list[Path]:
            lines = (f"a cat {'x' * (client * ASKED + number)}" for number in range(ASKED))
            return [ask(Library.find, line).hits[0].path for line in lines]

        with ThreadPoolExecutor(CLIENTS) as pool:
            asked = [pool.submit(keep_asking, client) for client in range(CLIENTS)]
            for pid in before:
                time.sleep(0.1)
                psutil.Process(pid).kill()
            found = [path for each in asked for path in each.result()]
        assert found == [expected] * (CLIENTS * ASKED)
        wait_until(lambda: len(workers_of(process.pid)) == WORKERS)
        after = {each.pid for each in workers_of(process.pid)}
        assert not before & after
        wait_until(lambda: is_answered(settings))


def is_answered(settings: Settings) -> bool:
    try:
        return bool(Client(settings).call(Library.find, "a cat").hits)
    except ServiceUnavailable:
        return False


def status_of(connection: HTTPConnection) -> int:
    connection.request("GET", "/hello")
    response = connection.getresponse()
    response.read()
    return response.status


def test_clients_that_connect_one_after_the_other_are_spread(settings: Settings) -> None:
    """By the socket and by the port; also while a worker is replaced by another one."""
    options = ("--workers", str(WORKERS), "--port", "0")
    with serving(settings.data_dir, *options) as (process, line), ExitStack() as opened:
        workers = workers_of(process.pid)
        before = [each.num_fds() for each in workers]
        for _ in range(2 * WORKERS):
            private = opened.enter_context(connect(settings.data_dir)).http
            public = HTTPConnection("127.0.0.1", port_in(line), timeout=PATIENCE_S)
            opened.callback(public.close)
            private.sock.settimeout(PATIENCE_S)
            assert (status_of(private), status_of(public)) == (200, 401)
        after = [each.num_fds() for each in workers]
        assert [now - then for now, then in zip(after, before, strict=True)] == [4] * WORKERS
        workers[0].kill()
        late = [opened.enter_context(connect(settings.data_dir)).http for _ in range(8)]
        for connection in late:
            connection.sock.settimeout(PATIENCE_S)
            assert status_of(connection) == 200, "by the other worker or the successor"
        wait_until(lambda: len(workers_of(process.pid)) == WORKERS)
        (successor,) = set(workers_of(process.pid)) - set(workers)
        wait_until(lambda: is_answered(settings))
        held = len(successor.net_connections("unix"))  # it may still close files of its beginning
        more = [opened.enter_context(connect(settings.data_dir)).http for _ in range(4)]
        assert [status_of(each) for each in more] == [200] * 4
        now = len(successor.net_connections("unix"))
        assert now > held, "it has fewer connections than the other"


def port_in(line: str) -> int:
    found = re.search(r"127\.0\.0\.1:(\d+)", line)
    assert found is not None, line
    return int(found[1])


def test_each_process_notices_what_another_program_indexes(
    settings: Settings, tmp_path: Path
) -> None:
    with serving(settings.data_dir, "--workers", str(WORKERS)):
        client = Client(settings)
        for _ in range(4 * WORKERS):
            assert not client.call(Library.find, "name:unmistakable").hits
        write_photo(tmp_path / "more" / "unmistakable.png")
        assert run_cli("index", tmp_path / "more", data=settings.data_dir).returncode == 0
        for _ in range(4 * WORKERS):
            assert client.call(Library.find, "name:unmistakable").hits


def test_workers_end_with_the_service_however_it_ends(settings: Settings) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
        with serving(settings.data_dir, "--workers", str(WORKERS)) as (process, _):
            workers = workers_of(process.pid)
            began = time.monotonic()
            process.send_signal(number)
            process.wait(10)
            psutil.wait_procs(workers, 10)
            assert not any(each.is_running() for each in workers)
            assert time.monotonic() - began < 5
            if number != signal.SIGKILL:
                assert process.returncode == 0
                assert not (settings.data_dir / SOCKET).exists()


@pytest.mark.parametrize("number", ["0", "65", "two"])
def test_the_number_of_workers_is_checked(settings: Settings, number: str) -> None:
    done = run_cli("serve", "--workers", number, data=settings.data_dir)
    assert done.returncode == 2
    assert "--workers" in done.stderr


def test_without_a_library_it_says_so(tmp_path: Path) -> None:
    done = run_cli("serve", "--workers", "2", data=tmp_path / "none")
    assert done.returncode == 2
    assert "imgsearch index" in done.stderr
