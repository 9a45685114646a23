"""Snapshots in an S3 bucket, or in what speaks its protocol, through obstore.

Credentials, region and endpoint come from the usual variables, which obstore reads itself:
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL, and AWS_ALLOW_HTTP for an
endpoint without TLS.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from penstock.processor.snapshots.port import (
    CHUNK_BYTES,
    ObjectMissing,
    SnapshotError,
    checked,
)

RETRY_TIMEOUT: Final = timedelta(seconds=20)
RETRIES_MAX: Final = 4


class S3Objects:
    """See port.py."""

    shared = True

    def __init__(self, url: str) -> None:
        """`url` is s3://bucket/prefix."""
        self._url = url
        with self._told("used"):
            self._store = S3Store.from_url(
                url,
                retry_config={"max_retries": RETRIES_MAX, "retry_timeout": RETRY_TIMEOUT},
            )

    def put(self, name: str, content: Path | bytes) -> None:
        """Put; a large file goes in parts, and is there when the last one is."""
        with self._told(f"written: {name}"):
            obstore.put(self._store, checked(name), content)

    def read(self, name: str) -> Iterator[bytes]:
        """The object's bytes."""
        with self._told(f"read: {name}"):
            for chunk in obstore.get(self._store, checked(name)).stream(CHUNK_BYTES):
                yield bytes(chunk)

    def sizes(self, folder: str) -> dict[str, int]:
        """The objects in a folder and below."""
        with self._told(f"listed: {folder}"):
            pages = obstore.list(self._store, checked(folder), chunk_size=1_000)
            return {one["path"]: one["size"] for page in pages for one in page}

    def delete(self, name: str) -> None:
        """Delete; S3 does not say whether it was there."""
        with self._told(f"deleted: {name}"), suppress(FileNotFoundError):
            obstore.delete(self._store, checked(name))

    @contextmanager
    def _told(self, what: str) -> Generator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise ObjectMissing(f"{self._url} can not be {what}: {error}") from error
        except (BaseError, OSError) as error:
            raise SnapshotError(f"{self._url} can not be {what}: {error}") from error
