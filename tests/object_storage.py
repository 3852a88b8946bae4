"""Object storage on the loopback interface: moto, or Ceph.

Tests use moto, which starts at once. With `IMGSEARCH_TEST_S3=ceph`, and for `make scale-test` where
`tests/install_ceph.sh` has installed it, it is Ceph: a monitor, a disk in a file, and the gateway
that speaks S3.
"""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Protocol
from urllib.request import Request, urlopen

import pytest

from imgsearch.testing import free_port
from tests.factories import PATIENCE_S, wait_until

KEY = SECRET = "test"
CEPH_PROGRAMS = ("ceph", "ceph-mon", "ceph-osd", "radosgw")


class StorageProgram(Protocol):
    """Something that speaks S3 at a port of this machine. What it holds outlives a stop."""

    port: int

    def start(self) -> None:
        """Answer requests."""

    def stop(self) -> None:
        """Answer none, until it is started again."""

    def empty(self) -> None:
        """Delete all buckets."""


class Moto:
    """The server of moto, in this process. All of one process hold the same objects."""

    def __init__(self) -> None:
        self.port = free_port()

    def start(self) -> None:
        from moto.server import ThreadedMotoServer

        self._server = ThreadedMotoServer("127.0.0.1", self.port, verbose=False)
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    def empty(self) -> None:
        reset = Request(f"http://127.0.0.1:{self.port}/moto-api/reset", method="POST")
        urlopen(reset).close()


class CephGateway:
    """The gateway of a Ceph cluster, in a process of its own."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self._folder = folder

    def start(self) -> None:
        command = ("radosgw", "-c", str(self._folder / "ceph.conf"), "-n", "client.admin", "-f")
        self._process = in_background(command, self._folder / "gateway.log")
        wait_until(self._is_answering)

    def _is_answering(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def stop(self) -> None:
        end(self._process)

    def empty(self) -> None:
        import boto3

        for bucket in boto3.resource("s3").buckets.all():
            bucket.objects.delete()
            for upload in bucket.multipart_uploads.all():
                upload.abort()
            bucket.delete()


def environment_of(port: int) -> dict[str, str]:
    """The variables by which object storage at a port of this machine is found."""
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_ALLOW_HTTP": "true",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_CONFIG_FILE": os.devnull,
        "NO_PROXY": "127.0.0.1",
    }


class S3Server:
    """Object storage with credentials that are not secret, and what tests do with it."""

    def __init__(self, server: StorageProgram) -> None:
        self.port = server.port
        self.start, self.stop, self.empty = server.start, server.stop, server.empty

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which it is found."""
        return environment_of(self.port)

    def put(self, objects: Mapping[str, bytes], bucket: str = "photos") -> None:
        """Create a bucket, if need be, and objects in it."""
        import boto3

        client = boto3.client("s3")
        client.create_bucket(Bucket=bucket)
        for key, content in objects.items():
            client.put_object(Bucket=bucket, Key=key, Body=content)

    def put_files(self, folder: Path, bucket: str, prefix: str = "") -> None:
        """Put the files of a folder into a bucket, which is made if there is none."""
        import boto3

        client = boto3.client("s3")
        client.create_bucket(Bucket=bucket)
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            client.upload_file(str(path), bucket, f"{prefix}{path.relative_to(folder)}")

    def delete(self, key: str, bucket: str = "photos") -> None:
        """Delete an object."""
        import boto3

        boto3.client("s3").delete_object(Bucket=bucket, Key=key)


@contextmanager
def s3_server(kind: str | None = None) -> Iterator[S3Server]:
    """An empty S3 server that this process and those it starts use; kind is `moto` or `ceph`."""
    kind = kind or os.environ.get("IMGSEARCH_TEST_S3", "moto")
    server = S3Server(ceph_of_this_process() if kind == "ceph" else Moto())
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        try:
            server.empty()  # another server of this process has left its buckets
            yield server
        finally:
            server.stop()


def is_ceph_there() -> bool:
    """Whether Ceph's programs are on this machine."""
    return all(map(shutil.which, CEPH_PROGRAMS))


@cache
def ceph_of_this_process() -> CephGateway:
    """The gateway of a cluster that ends with this process."""
    cluster = ExitStack()
    atexit.register(cluster.close)
    return cluster.enter_context(ceph_cluster())


@contextmanager
def ceph_cluster() -> Iterator[CephGateway]:
    """A cluster of one monitor and one disk of at most 20 GB, and its gateway, not yet started."""
    with tempfile.TemporaryDirectory(prefix="imgsearch-ceph-") as name, ExitStack() as processes:
        folder, monitor_port = Path(name), free_port()
        gateway = CephGateway(folder, free_port())
        cluster, disk = str(uuid.uuid4()), str(uuid.uuid4())
        configuration = folder / "ceph.conf"
        configuration.write_text(configuration_of(folder, cluster, monitor_port, gateway.port))
        # Whoever opens a cluster finds its address and its keys by this file.
        environment = os.environ | {"CEPH_CONF": str(configuration)}

        def run(*command: str) -> None:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S
            )
            assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"

        def keep_running(*command: str) -> None:
            process = in_background((*command, "-f"), folder / f"{command[0]}.log", environment)
            processes.callback(end, process)

        keyring, monitors = str(folder / "keyring"), str(folder / "monitors")
        may = ("--cap", "mon", "allow *", "--cap", "osd", "allow *")
        run("ceph-authtool", keyring, "--create-keyring", "--gen-key", "-n", "mon.", *may)
        for user in ("client.admin", "osd.0"):
            run("ceph-authtool", keyring, "--gen-key", "-n", user, *may)
        monitor = f"[v2:127.0.0.1:{monitor_port}]"
        run("monmaptool", "--create", "--addv", "a", monitor, "--fsid", cluster, monitors)
        run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monitors, "--keyring", keyring)
        keep_running("ceph-mon", "-i", "a")
        run("ceph", "osd", "new", disk)
        run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", disk)
        keep_running("ceph-osd", "-i", "0")
        owner = ("--uid", KEY, "--display-name", KEY, "--access-key", KEY, "--secret-key", SECRET)
        run("radosgw-admin", "-n", "client.admin", "user", "create", *owner)
        yield gateway


def configuration_of(folder: Path, cluster: str, monitor_port: int, gateway_port: int) -> str:
    """A cluster that listens on this machine only, and keeps every object once."""
    (classes,) = Path("/usr/lib").glob("*/rados-classes")  # Debian's programs look elsewhere
    for data in ("mon", "osd"):
        (folder / data).mkdir()
    return f"""
[global]
fsid = {cluster}
mon_host = v2:127.0.0.1:{monitor_port}/0
public_addr = 127.0.0.1
run_dir = {folder}
log_file = {folder}/$name.log
admin_socket = {folder}/$name.socket
keyring = {folder}/keyring
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
[mon]
mon_data = {folder}/mon
mon_data_avail_crit = 1
[osd]
osd_data = {folder}/osd
osd_class_dir = {classes}
osd_objectstore = bluestore
bluestore_block_size = 20G
osd_memory_target = 1G
[client]
rgw_data = {folder}
rgw_frontends = beast endpoint=127.0.0.1:{gateway_port}
debug_rgw = 0
"""


def in_background(
    command: tuple[str, ...], log: Path, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """A process that runs until `end`."""
    with log.open("ab") as output:
        return subprocess.Popen(command, env=environment, stdout=output, stderr=output)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end, and see that it does."""
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
