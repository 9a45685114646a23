"""One suite for both places of snapshots: a directory, and a real S3 server."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.processor.snapshots.directory import ABANDONED_S, UNFINISHED, DirectoryObjects
from penstock.processor.snapshots.port import CHUNK_BYTES, ObjectMissing, Objects, SnapshotError
from penstock.processor.snapshots.s3 import S3Objects
from tests.s3_server import BUCKET


@pytest.fixture(params=["directory", "s3"])
def objects(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Objects]:
    """A place that is empty."""
    if request.param == "directory":
        yield DirectoryObjects(tmp_path / "objects")
        return
    for name, value in request.getfixturevalue("s3_environment").items():
        monkeypatch.setenv(name, value)
    yield S3Objects(f"s3://{BUCKET}/{tmp_path.name}/below")


def test_what_is_put_is_read_and_replaced(objects: Objects) -> None:
    objects.put("one/a.json", b"first")
    objects.put("one/a.json", b"second")
    objects.put("one/empty", b"")
    assert b"".join(objects.read("one/a.json")) == b"second"
    assert b"".join(objects.read("one/empty")) == b""


def test_a_large_file_is_read_in_chunks(objects: Objects, tmp_path: Path) -> None:
    file = tmp_path / "large"
    data = bytes(range(256)) * (3 * CHUNK_BYTES // 256) + b"end"
    file.write_bytes(data)
    objects.put("data/large", file)
    chunks = list(objects.read("data/large"))
    assert b"".join(chunks) == data
    assert len(chunks) > 1


def test_sizes_are_of_one_folder_and_below(objects: Objects) -> None:
    assert objects.sizes("one") == {}
    for name in ("one/a", "one/deep/b", "one-more/c", "two/d"):
        objects.put(name, name.encode())
    assert objects.sizes("one") == {"one/a": 5, "one/deep/b": 10}


def test_many_names_are_all_listed(objects: Objects) -> None:
    page = 20 if isinstance(objects, DirectoryObjects) else 1_000  # which S3 gives at most
    names = {f"many/{number:04d}": 1 for number in range(page + 10)}
    for name in names:
        objects.put(name, b"x")
    assert objects.sizes("many") == names


def test_what_is_deleted_is_gone_and_may_be_deleted_again(objects: Objects) -> None:
    objects.put("one/a", b"x")
    objects.delete("one/a")
    objects.delete("one/a")
    assert objects.sizes("one") == {}
    with pytest.raises(ObjectMissing):
        list(objects.read("one/a"))


@pytest.mark.parametrize("name", ["../a", "/a", "a//b", "a/../b", "a/./b", "", "a b"])
def test_a_name_leads_nowhere_else(objects: Objects, name: str) -> None:
    with pytest.raises(AssertionError):
        objects.put(name, b"x")


def test_a_directory_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SnapshotError, match="can not be written"):
        DirectoryObjects(tmp_path / "file").put("a/b", b"x")


def test_a_bucket_that_is_not_there_is_told(
    s3_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SnapshotError):
        S3Objects("s3://nowhere/at-all").put("a", b"x")


def test_wrong_credentials_are_told(
    s3_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**s3_environment, "AWS_SECRET_ACCESS_KEY": "wrong"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SnapshotError):
        S3Objects(f"s3://{BUCKET}/x").sizes("a")


def test_what_was_begun_long_ago_and_not_finished_is_deleted(tmp_path: Path) -> None:
    """Not what somebody may be writing just now."""
    objects = DirectoryObjects(tmp_path)
    objects.put("a/one", b"1")
    abandoned, under_way = (tmp_path / "a" / f"{name}-1{UNFINISHED}" for name in ("old", "new"))
    for path in (abandoned, under_way):
        path.write_bytes(b"half")
    an_hour_ago = under_way.stat().st_mtime - ABANDONED_S - 1
    os.utime(abandoned, (an_hour_ago, an_hour_ago))
    objects.put("a/two", b"2")
    assert (abandoned.exists(), under_way.exists()) == (False, True)
    assert objects.sizes("a") == {"a/one": 1, "a/two": 1}
