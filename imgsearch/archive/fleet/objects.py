"""Objects of S3 and of any object storage with its protocol. Hides boto3.

Credentials, region and endpoint come from the environment's usual chain (`AWS_…` variables, the
files in ~/.aws, the role of a machine) and are never passed on or written anywhere.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from msgspec import Struct

from imgsearch.archive.fleet.base import ListedFile
from imgsearch.decode.motion import live_photo_paths
from imgsearch.errors import (
    MissingPackage,
    ObjectStorageError,
    PhotoError,
    Reason,
    StorageUnreachable,
    UsageError,
)
from imgsearch.installation import install_command

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

SCHEME = "s3://"
ATTEMPTS = 10  # with growing pauses, about a minute: a server may need that to restart
_ATTEMPTS_WAITED_FOR = 2  # while somebody waits for a picture
_CONNECT_LIMIT_S = 10
_READ_LIMIT_S = 60
_BLOCK_BYTES = 1 << 20
_GONE = ("NoSuchKey", "404", "NoSuchVersion")
_CHANGED = ("PreconditionFailed", "412")
_REFUSED = ("AccessDenied", "403", "InvalidObjectState", "KMS.DisabledException")


class S3Address(Struct, frozen=True):
    """A bucket and a key prefix in it: a folder, or empty for all objects."""

    bucket: str
    prefix: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse `s3://BUCKET/PREFIX`. Raises UsageError without a bucket."""
        bucket, _, prefix = text.removeprefix(SCHEME).partition("/")
        if not text.startswith(SCHEME) or not bucket:
            raise UsageError(f"{text!r} names no bucket. Write s3://BUCKET/FOLDER.")
        return cls(bucket, f"{prefix.rstrip('/')}/" if prefix.strip("/") else "")

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.prefix}"


def is_object(path: str) -> bool:
    """Return whether a path names an object, not a file."""
    return path.startswith(SCHEME)


class ShownObjects:
    """Objects to display. Fails fast if the storage is unreachable."""

    @cached_property
    def _storage(self) -> ObjectStorage:
        return ObjectStorage(attempts=_ATTEMPTS_WAITED_FOR)  # takes 0.1 s, so only once

    def signed_address(self, path: str, valid_s: int) -> str:
        """Return an address that opens an object without credentials for up to seven days.

        It is computed on this machine, without checking that the object exists. Raises
        ObjectStorageError without credentials.
        """
        return self._storage.signed_address(path, valid_s)

    @contextmanager
    def fetched(self, path: str, with_video: bool = False) -> Iterator[Path]:
        """Provide an object as a file until the block ends.

        `with_video` also fetches the other half of a Live Photo next to it. Raises PhotoError if
        the object cannot be fetched.
        """
        with tempfile.TemporaryDirectory(prefix="imgsearch-") as folder:
            file = Path(folder, name_of(path))
            try:
                self._storage.fetch_newest(path, file)
                for video in live_photo_paths(path) if with_video else ():
                    with suppress(FileNotFoundError):
                        self._storage.fetch_newest(video, file.with_name(name_of(video)))
            except FileNotFoundError:
                message = f"There is no object {path} any more."
                raise PhotoError(Reason.UNREADABLE, message) from None
            except ObjectStorageError as error:
                raise PhotoError(Reason.UNREADABLE, str(error)) from error
            yield file


def name_of(path: str) -> str:
    """Return the last part of a path or of a key."""
    return path.rpartition("/")[2]


class ObjectStorage:
    """The objects that this process may read. Safe in any thread.

    A broken connection is tried again, with the usual attempts for about a minute. Raises
    MissingPackage without boto3.
    """

    def __init__(self, connections: int = 10, attempts: int | None = None) -> None:
        """Try `attempts` times over a broken connection; None: `ATTEMPTS` times."""
        if find_spec("boto3") is None:
            raise MissingPackage(f"s3:// needs more packages: {install_command('scale')}")
        import boto3
        from botocore.config import Config

        config = Config(
            signature_version="s3v4",  # most regions refuse older signatures
            retries={"mode": "standard", "total_max_attempts": attempts or ATTEMPTS},
            connect_timeout=_CONNECT_LIMIT_S,
            read_timeout=_READ_LIMIT_S,
            max_pool_connections=max(connections, 10),
        )
        self._attempts = attempts or ATTEMPTS
        with _storage_errors("s3"):
            self._client = boto3.session.Session().client("s3", config=config)

    def pages(self, address: S3Address, after: str) -> Iterator[list[ListedFile]]:
        """Yield the objects of an address whose path sorts after `after`, by key, in pages.

        Raises ObjectStorageError.
        """
        start = after.removeprefix(f"{SCHEME}{address.bucket}/") if after else ""
        with _storage_errors(str(address)):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=address.bucket, Prefix=address.prefix, StartAfter=start
            )
            for page in pages:
                yield [
                    ListedFile(
                        f"{SCHEME}{address.bucket}/{each['Key']}",
                        each["Size"],
                        int(each["LastModified"].timestamp() * 1_000_000) * 1000,
                        each["ETag"].strip('"'),
                    )
                    for each in page.get("Contents", ())
                ]

    def fetch(self, file: ListedFile, into: Path) -> None:
        """Write the listed version of an object into a file.

        Raises FileNotFoundError if it is gone, PhotoError if it has changed or is not readable, and
        ObjectStorageError if the storage does not answer.
        """
        if self._fetch(file.path, into, {"IfMatch": f'"{file.version}"'}) != file.size_bytes:
            raise _changed()

    def fetch_newest(self, path: str, into: Path) -> None:
        """Write the current version of an object into a file. Raises as `fetch` does."""
        self._fetch(path, into, {})

    def signed_address(self, path: str, valid_s: int) -> str:
        """See `ShownObjects.signed_address`."""
        bucket, key = _bucket_and_key(path)
        with _storage_errors(path):
            return str(
                self._client.generate_presigned_url(
                    "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=valid_s
                )
            )

    def _fetch(self, path: str, into: Path, condition: dict[str, str]) -> int:
        """Write an object into a file; returns its size."""
        attempt = 1
        while True:
            with _storage_errors(path):
                try:
                    return _save(self._get(path, condition)["Body"], into)
                except _broken_transfers():  # of a body; boto3 itself repeats all earlier steps
                    if attempt == self._attempts:
                        raise
            time.sleep(min(20.0, 2.0 ** (attempt - 1)) * random.random())
            attempt += 1

    def _get(self, path: str, condition: dict[str, str]) -> Any:
        from botocore.exceptions import ClientError

        bucket, key = _bucket_and_key(path)
        try:
            return self._client.get_object(Bucket=bucket, Key=key, **condition)
        except ClientError as error:
            code = _code_of(error)
            if code in _GONE:
                raise FileNotFoundError(path) from error
            if code in _CHANGED:
                raise _changed() from error
            if code in _REFUSED:
                raise PhotoError(
                    Reason.UNREADABLE,
                    f"The object cannot be read ({code}); check the permissions of these "
                    "credentials, or bring it back from the archive.",
                ) from error
            raise


def _bucket_and_key(path: str) -> tuple[str, str]:
    bucket, _, key = path.removeprefix(SCHEME).partition("/")
    return bucket, key


def _save(body: Any, into: Path) -> int:
    size_bytes = 0
    with into.open("wb") as file:
        for block in iter(lambda: body.read(_BLOCK_BYTES), b""):
            size_bytes += file.write(block)
    return size_bytes


def _changed() -> PhotoError:
    return PhotoError(
        Reason.CHANGED, "The object changed after it was listed; the next run reads it again."
    )


def _broken_transfers() -> tuple[type[Exception], ...]:
    from botocore.exceptions import (
        ConnectionError,
        IncompleteReadError,
        ReadTimeoutError,
        ResponseStreamingError,
    )

    return (IncompleteReadError, ReadTimeoutError, ResponseStreamingError, ConnectionError)


def _code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def _storage_errors(what: str) -> Iterator[None]:
    """Raise ObjectStorageError, which says what to do, for the errors of boto3."""
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        CredentialRetrievalError,
        NoCredentialsError,
        PartialCredentialsError,
    )

    try:
        yield
    except (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError) as error:
        raise ObjectStorageError(
            f"There are no credentials for {what}. Set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or write them to ~/.aws/credentials."
        ) from error
    except ClientError as error:
        code = _code_of(error)
        if code == "NoSuchBucket":
            raise ObjectStorageError(
                f"The bucket of {what} does not exist. Check its name, and that AWS_ENDPOINT_URL "
                "names the storage that has it."
            ) from error
        if code == "RequestTimeTooSkewed":
            raise ObjectStorageError(
                f"The object storage refuses {what} because the clock of this machine is wrong. "
                "Set it, and run the same command again."
            ) from error
        raise ObjectStorageError(
            f"The object storage refuses {what} ({code}). Check the credentials and that they may "
            "list and read this bucket."
        ) from error
    except BotoCoreError as error:
        raise StorageUnreachable(
            f"The object storage of {what} cannot be reached ({type(error).__name__}). Check the "
            "network and AWS_ENDPOINT_URL, and run the same command again: it goes on from here."
        ) from error
