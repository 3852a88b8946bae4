"""Runs the commands, the service and the page, and records what they ask of the network and write.

    unshare --net --mount python -m tests.privacy_session FOLDER

It must run in a network namespace of its own, where every address leads back to this machine: a
DNS server on loopback answers every name with a test address (RFC 5737) and records it, and strace
records the connections and the files of every process. Prints one JSON object per step.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from imgsearch.features.people import models
from imgsearch.features.text import reader as ocr
from tests.browsing import PATIENCE_MS, TOKEN, launch_chromium

FAKE_ADDRESS = "203.0.113.1"
CALLS = (
    "connect,sendto,sendmsg,sendmmsg,open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,"
    "link,linkat,symlink,symlinkat"
)
_INET = re.compile(r'sa_family=AF_INET6?, sin6?_port=htons\((\d+)\).*?"([0-9a-fA-F.:]+)"')
_WRITES = re.compile(r"O_CREAT|O_WRONLY|O_RDWR|^(?:creat|mkdir|rename|link|symlink)")
_LAST_PATH = re.compile(r'(?:<([^>]*)>, )?"((?:[^"\\]|\\.)*)"')
# A program that does all that the others must not do: the recorder has to see it.
CONTROL = """
import pathlib, socket
pathlib.Path.home().joinpath("diary").write_text("x")
socket.socket().connect_ex((socket.gethostbyname("telemetry.example"), 443))
"""
# A command that needs a terminal: it ends at q, which is typed once photos are shown.
BROWSE = """
import os, sys
from tests.pseudo_terminal import ASKS_FOR_ATTRIBUTES, PLAIN_TERMINAL, run_in_terminal
command = [sys.executable, "-m", "imgsearch", "browse", "type:png"]
answers = {ASKS_FOR_ATTRIBUTES: PLAIN_TERMINAL, b".png": b"q"}
code, output = run_in_terminal(command, {**os.environ, "TERM": "xterm-256color"}, answers)
print(output.decode("utf-8", "replace"))
sys.exit(code)
"""
# A client of `imgsearch mcp`: it searches, and asks for a picture.
ASSISTANT = """
import asyncio, os, sys
from mcp import Client, StdioServerParameters

async def ask():
    command = ["-m", "imgsearch", "mcp"]
    server = StdioServerParameters(command=sys.executable, args=command, env=dict(os.environ))
    async with Client(server, mode="2026-07-28") as client:
        found = await client.call_tool("search", {"query": "a yellow square"})
        seen = await client.call_tool("thumbnail", {"photo_id": 1})
        assert not found.is_error and len(seen.content) == 2, (found, seen)

asyncio.run(ask())
"""
VIEWS = (
    *("timeline", "events", "over-time", "map", "meaning", "similar"),
    *("labels", "people", "library"),
)
LOOPBACK = ("127.", "::1", "0.0.0.0", "::")


class NameServer(threading.Thread):
    """A DNS server that answers every query for an IPv4 address with `FAKE_ADDRESS`."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.names: list[str] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 53))

    def run(self) -> None:
        while True:
            query, client = self._socket.recvfrom(4096)
            labels, at = [], 12
            while query[at]:
                labels.append(query[at + 1 : at + 1 + query[at]].decode("ascii", "replace"))
                at += 1 + query[at]
            self.names.append(".".join(labels))
            question = query[12 : at + 5]
            is_ipv4 = question[-4:-2] == b"\x00\x01"
            counts = b"\x00\x01" + (b"\x00\x01" if is_ipv4 else b"\x00\x00") + b"\x00" * 4
            answer = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04"
            answer += socket.inet_aton(FAKE_ADDRESS)
            reply = query[:2] + b"\x81\x80" + counts + question + (answer if is_ipv4 else b"")
            self._socket.sendto(reply, client)


def prepare_namespace(work: Path) -> NameServer:
    """Lead every address and name to this namespace; returns the server that records names."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "route", "add", "local", "default", "dev", "lo"], check=True)
    resolver = work / "resolv.conf"
    resolver.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    subprocess.run(["mount", "--bind", resolver, "/etc/resolv.conf"], check=True)
    server = NameServer()
    server.start()
    return server


class Recorder:
    """Runs processes under strace in the folder `work`, where they find all their folders."""

    def __init__(self, work: Path, names: NameServer) -> None:
        self._work = work
        self._names = names
        self._log = work / "strace.log"
        folders = ("home", "data", "cache", "tmp", "run")
        for folder in folders:
            (work / folder).mkdir(exist_ok=True)
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "LC_ALL": "C.UTF-8",
            "HOME": str(work / "home"),
            "IMGSEARCH_DATA": str(work / "data"),
            "IMGSEARCH_CACHE": str(work / "cache"),
            "TMPDIR": str(work / "tmp"),
            "PYTHONPYCACHEPREFIX": str(work / "tmp" / "bytecode"),
            "XDG_RUNTIME_DIR": str(work / "run"),
        }
        # Where a process may write: its own folders, and what is no file.
        self._allowed = (
            *(str(work / folder) for folder in folders if folder != "home"),
            *("/dev/", "/proc/", "/sys/", "/memfd:"),
        )

    @contextmanager
    def running(self, name: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """A process of this Python with these arguments; what it did is printed at its end."""
        if sys.platform == "win32":
            raise NotImplementedError("needs Unix")
        self._log.unlink(missing_ok=True)
        self._names.names.clear()
        command = ["strace", "-f", "-qq", "-y", "-s", "300", "--seccomp-bpf"]
        command += ["-e", f"trace={CALLS}", "-e", "signal=none", "-o", str(self._log)]
        process = subprocess.Popen(
            [*command, sys.executable, *arguments],
            env=self.environment,
            cwd=self._work,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
            output, errors = process.communicate(timeout=120)
            connections, files = self._read_log()
            report = {
                "step": name,
                "returncode": process.returncode,
                "connections": connections,
                "names": sorted(set(self._names.names)),
                "files": files,
                "output": (output + errors).decode("utf-8", "replace")[-2000:],
            }
            sys.stdout.write(json.dumps(report) + "\n")
            sys.stdout.flush()

    def run(self, name: str, *arguments: str) -> None:
        """Run one command of imgsearch to its end."""
        with self.running(name, "-m", "imgsearch", *arguments) as process:
            process.wait(timeout=300)

    def _read_log(self) -> tuple[list[str], list[str]]:
        """Addresses other than loopback, and files written outside the folders allowed."""
        connections: set[str] = set()
        files: set[str] = set()
        for line in self._log.read_text("utf-8", "replace").splitlines():
            call = line.partition(" ")[2].strip()
            for port, address in _INET.findall(call):
                if not address.startswith(LOOPBACK) or port == "53":
                    connections.add(f"{address} port {port}")
            is_file_call = not call.startswith(("connect", "send"))
            if is_file_call and _WRITES.search(call) and " = -1 " not in call:
                folder, path = _LAST_PATH.findall(call)[-1]
                whole = os.path.normpath(os.path.join(folder or str(self._work), path))
                if not whole.startswith(self._allowed):
                    files.add(whole)
        return sorted(connections), sorted(files)


def wait_for_line(lines: Iterable[bytes] | None, text: bytes) -> None:
    """Read the output of a process until a line has this text."""
    assert lines is not None
    for line in lines:
        if text in line:
            return
    raise EOFError(f"The process ended before it printed {text!r}.")


def wait_for_port(port: int) -> None:
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise TimeoutError(f"Nothing listens on port {port}.")


def visit_page(port: int) -> None:
    """Search on the page and open its views in a real browser, and a foreign websocket."""
    from playwright.sync_api import sync_playwright

    rules = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"
    with sync_playwright() as playwright:
        browser = launch_chromium(playwright, rules)
        page = browser.new_page()
        page.set_default_timeout(PATIENCE_MS)  # the page is recorded, which slows it down
        page.goto(f"http://127.0.0.1:{port}/?token={TOKEN}")
        box = page.get_by_role("combobox", name="Search")
        box.fill("a red square")
        box.press("Enter")
        page.wait_for_timeout(3000)
        for view in VIEWS:
            page.goto(f"http://127.0.0.1:{port}/{view}")
            page.wait_for_timeout(2000)
        cookies = "; ".join(f"{each['name']}={each['value']}" for each in page.context.cookies())
        browser.close()
    for origin in ("http://attacker.example", "null"):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(
                f"GET /_stcore/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: {origin}\r\n"
                f"Cookie: {cookies}\r\n"
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
            )
            assert b" 101 " not in connection.recv(200)


def main(arguments: Sequence[str]) -> None:
    work = Path(arguments[0])
    recorder = Recorder(work, prepare_namespace(work))
    photos = str(work / "photos")
    captions = work / "tmp" / "captions.csv"
    captions.write_text("0.png,a red square\n")
    run = recorder.run
    run("index", "index", photos)
    run("index again", "index")
    run("search", "search", "a red square", "--all")
    run("search with filters", "search", "a blue square type:png", "--json", "--all")
    run("search by image", "search", "--image", f"{photos}/0.png")
    run("explain", "explain", f"{photos}/0.png", "red")
    run("label", "label", "red,green,blue", "--save-as", "colours")
    run("teach", "teach", "red", "--like", f"{photos}/0.png")
    run("save", "save", "red things", "red", "--image", f"{photos}/0.png")
    run("saved", "saved")
    run("album", "album", "make", "Book", "red things")
    run("mark", "mark", "type:png", "--stars", "3")
    run("sidecars", "sidecars", "--dry-run")
    run("sidecars --write", "sidecars", "--write")
    run("correct", "correct", "type:png", "--set-date", "1974-07")
    run("correct --write-sidecars", "correct", "--write-sidecars")
    run("undo", "undo")
    run("timeline", "timeline")
    run("events", "events")
    run("around", "around", f"{photos}/0.png")
    run("ask", "ask", "When did I see a red square?")
    run("sequence", "search", "a red square ~> a blue square", "--all")
    run("narrow", "narrow", "type:png")
    run("kinds", "kinds", "--leave-out", "screenshot")
    run("wall", "wall", "type:png")
    script = work / "tmp" / "count.py"
    script.write_text(
        "from imgsearch import script\n\n\n"
        "@script\ndef main(library, hits):\n    print(len(hits))\n"
    )
    run("run", "run", str(script), "type:png")
    run("places", "places")
    run("cameras", "cameras")
    run("strip", "strip", "--by", "month")
    run("meaning", "meaning", "--lay-out")
    run("suggest", "suggest", "photos")
    run("duplicates", "duplicates", "--min-score", "0.5", "--script")
    run("status", "status", "--json")
    run("failures", "failures")
    run("folders", "folders")
    run("encoders", "encoders")
    run("doctor", "doctor")
    backup = str(work / "tmp" / "backup.jsonl.gz")
    run("backup", "backup", backup)
    run("restore", "restore", backup)
    photos_json = work / "tmp" / "photos.json"
    photos_json.write_text("[]")
    run("import", "import", str(photos_json))
    run("rebuild", "rebuild")
    run("prune", "prune")
    run("index --metadata", "index", "--metadata")
    run("index --thumbnails", "index", "--thumbnails")
    run("evaluate", "evaluate", "--captions", str(captions))
    pack = str(work / "tmp" / "photos.imgsearch")
    run("pack", "pack", photos, pack)
    run("pack --verify", "pack", "--verify", pack)
    run("unpack", "unpack", pack, "--at", photos, "--data", str(work / "data" / "other"))
    archive = str(work / "data" / "archive")
    run("copy", "copy", "--to", archive)
    run("index an archive", "index", photos, "--library", archive)
    run("search in an archive", "search", "a cat", "--library", archive)
    run("settle", "settle", "--library", archive)
    run("help", "help", "search")
    run("completion", "completion", "bash")
    with recorder.running("browse", "-c", BROWSE) as process:
        process.wait(timeout=300)
    with recorder.running("mcp", "-c", ASSISTANT) as process:
        process.wait(timeout=300)
    run("demo", "demo", "--data", str(work / "data" / "demo"))
    if ocr.is_installed():
        run("read-text", "read-text", "--all")
    if models.is_installed():
        run("faces", "faces")
        run("pack --faces", "pack", photos, str(work / "tmp" / "faces.imgsearch"), "--faces")
    run("people", "people")
    run("people --write-sidecars", "people", "--write-sidecars")
    with recorder.running("watch", "-m", "imgsearch", "watch") as process:
        wait_for_line(process.stdout, b" report ")
        time.sleep(4)
    with recorder.running("serve", "-m", "imgsearch", "serve") as process:
        wait_for_line(process.stderr, b"Listening at ")
        environment = recorder.environment
        command = [sys.executable, "-m", "imgsearch", "search", "a green square", "--all"]
        subprocess.run(command, env=environment, cwd=work, capture_output=True, check=False)
    recorder.environment["IMGSEARCH_UI_TOKEN"] = TOKEN
    page = ("-m", "imgsearch", "ui", "--no-browser", "--port")
    with recorder.running("page", *page, "18501"):
        wait_for_port(18501)
        visit_page(18501)
    recorder.environment["IMGSEARCH_UI_PASSWORD"] = "a long enough password"
    with recorder.running("page for others", *page, "18502", "--host", "0.0.0.0"):
        wait_for_port(18502)
        time.sleep(2)
    run("forget", "forget", photos, "--yes")
    with recorder.running("control", "-c", CONTROL) as process:
        process.wait(timeout=60)


if __name__ == "__main__":
    main(sys.argv[1:])
