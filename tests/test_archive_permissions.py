"""Whoever may only read the storage of an archive can search it, and is told so when writing."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from imgsearch import Library, Settings
from imgsearch.archive.lance.tables import lance_errors
from imgsearch.errors import ObjectStorageError, PhotoError, StoreError
from tests.factories import write_photos
from tests.object_storage import S3Server
from tests.stand_in import StandIn

pytest.importorskip("lance", reason="needs the extra scale")
pytest.importorskip("moto", reason="needs moto")

ADDRESS = "s3://index/archive"
READING = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::index/*"},
        {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": "arn:aws:s3:::index"},
    ],
}


@pytest.fixture
def s3(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    try:
        yield s3
    finally:
        check_permissions(s3, after=10**9)


def check_permissions(server: S3Server, after: int) -> None:
    """Let the server check permissions, after so many further requests."""
    address = f"http://127.0.0.1:{server.port}/moto-api/reset-auth"
    headers = {"Content-Type": "text/plain"}
    request = urllib.request.Request(address, str(after).encode(), headers, method="POST")
    urllib.request.urlopen(request).close()


@contextmanager
def as_reader(server: S3Server) -> Iterator[None]:
    """With the credentials of a user that may only read the bucket of the archive."""
    import boto3

    iam = boto3.client("iam")
    iam.create_user(UserName="reader")
    iam.put_user_policy(UserName="reader", PolicyName="reading", PolicyDocument=json.dumps(READING))
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    check_permissions(server, after=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
        patch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
        yield


def open_archive(folder: Path) -> Library:
    settings = Settings.load(data_dir=folder / "data", cache_dir=folder / "cache")
    return Library.open_archive(ADDRESS, settings, encoder=StandIn())


def test_a_reader_searches_and_does_not_write(tmp_path: Path, s3: S3Server) -> None:
    photos = write_photos(tmp_path / "photos", 3)
    s3.put({}, bucket="index")
    s3.put({"a.png": (photos / "0000.png").read_bytes()})
    with open_archive(tmp_path) as archive:
        archive.index(["s3://photos", photos]).run()
    with as_reader(s3), open_archive(tmp_path) as archive:
        hits = archive.search("sort:path width:>0")
        assert len(hits) == 3
        assert archive.pictures.thumbnail(hits[0].photo.id, 64) is not None
        of_object = next(hit for hit in hits if len(hit.paths) == 2)
        others = [path for path in of_object.paths if str(path).startswith("s3:")]
        assert others
        write_photos(photos, 1, first=3)
        with pytest.raises(ObjectStorageError, match=r"refuses access.*permission to write"):
            archive.index([photos]).run()


def test_an_object_that_may_not_be_read_has_its_small_picture(tmp_path: Path, s3: S3Server) -> None:
    photos = write_photos(tmp_path / "photos", 1)
    s3.put({}, bucket="index")
    s3.put({"a.png": (photos / "0000.png").read_bytes()})
    with open_archive(tmp_path) as archive:
        archive.index(["s3://photos"]).run()
    with as_reader(s3), open_archive(tmp_path) as archive:
        (hit,) = archive.search("sort:path width:>0")
        assert archive.pictures.thumbnail(hit.photo.id, 1000) == archive.pictures.thumbnail(
            hit.photo.id, 256
        )
        with pytest.raises(PhotoError, match="cannot be read"):
            archive.pictures.original(hit.photo.id)


def test_a_clock_that_is_wrong_is_named() -> None:
    answer = "Generic S3 error: Client error with status 403 Forbidden: RequestTimeTooSkewed"
    with pytest.raises(ObjectStorageError, match="clock of this machine"), lance_errors(ADDRESS):
        raise OSError(answer)


def test_storage_that_fails_by_itself_is_not_taken_for_damage() -> None:
    answer = "Generic S3 error: Server error after 10 retries: 503 Service Unavailable: SlowDown"
    with pytest.raises(ObjectStorageError, match="run the command again"), lance_errors(ADDRESS):
        raise OSError(answer)
    with pytest.raises(StoreError, match="refuses access"), lance_errors("/a/folder"):
        raise OSError("Permission denied (os error 13)")


def test_an_address_that_is_not_encrypted_must_be_allowed(
    tmp_path: Path, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ALLOW_HTTP")
    with (
        Library.open_archive(ADDRESS, Settings.load(data_dir=tmp_path)) as archive,
        pytest.raises(ObjectStorageError, match="AWS_ALLOW_HTTP=true"),
    ):
        archive.status()
