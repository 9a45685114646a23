"""A data directory: who has it, what it belongs to, and where its server listens.

lock          held by the process that has the directory
log           the embedded log, if there is no Kafka
stores/       a store for each partition
folding/      what each partition's fold has at hand, for the process after one that ended there
staging/      snapshots on their way, there or back, and what is verified; nothing in it is missed
cluster.json  what the directory belongs to: fixed when it is made
server.json   where the server that runs on it listens, once it is ready
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

LOOK_S: Final = 0.1


class CannotStart(Exception):
    """The server can not be started like this; the message says why and what to do."""


class Belongs(Struct, frozen=True):
    """What a data directory belongs to. `topic_id` is that of `commands`, once it was there."""

    cluster: str
    partitions: int
    embedded: bool
    topic_id: str = ""


class Listening(Struct, frozen=True):
    """Where the server of a data directory listens."""

    url: str


def belongs_to(data: Path) -> Belongs | None:
    """What the directory belongs to; None if nobody has used it."""
    with contextlib.suppress(FileNotFoundError):
        return msgspec.json.decode((data / "cluster.json").read_bytes(), type=Belongs)
    return None


def belonging(data: Path) -> Belongs:
    """What a directory belongs to that has been used; raises CannotStart if it has not."""
    if not data.is_dir():
        raise CannotStart(f"there is no directory {data}")
    belongs = belongs_to(data)
    if belongs is None:
        raise CannotStart(f"{data} is no data directory: it has no cluster.json")
    return belongs


def mark(data: Path, belongs: Belongs) -> None:
    """Write what the directory belongs to."""
    (data / "cluster.json").write_bytes(msgspec.json.encode(belongs))


def check_log(data: Path, belongs: Belongs, topic_id: str) -> None:
    """Refuse a log that is not the one the directory was used with: its stores would be taken for
    foreign, and all would begin anew, as if nothing had been lost.
    """
    if belongs.topic_id and belongs.topic_id != topic_id:
        raise CannotStart(
            f"INTEGRITY: {data} was used with a commands topic of the id {belongs.topic_id}, and"
            f" this one has {topic_id}: it was deleted and made again, or it is another Kafka;"
            " bring back the one it was, or begin anew with another directory (--data)"
        )


def listening(data: Path) -> str | None:
    """Where the server that has a data directory says that it listens."""
    with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):
        return msgspec.json.decode((data / "server.json").read_bytes(), type=Listening).url
    return None


def set_listening(data: Path, url: str | None) -> None:
    """Say where the directory's server listens, or that there is none any more."""
    file = data / "server.json"
    if url is None:
        file.unlink(missing_ok=True)
    else:
        file.write_bytes(msgspec.json.encode(Listening(url)))


def staging_in(data: Path) -> Path:
    """Where there is room for stores that are on their way, or that nobody keeps."""
    return data / "staging"


def folding_in(data: Path) -> Path:
    """Where the fold says what it has at hand."""
    return data / "folding"


def clear(data: Path) -> None:
    """Begin anew: only what we have made is removed."""
    for name in ("log", "stores", "folding", "staging"):
        shutil.rmtree(data / name, ignore_errors=True)
    (data / "cluster.json").unlink(missing_ok=True)


@contextmanager
def locked(data: Path, wait_s: float) -> Generator[None]:
    """Hold a data directory; wait a while for a process that is ending, and take it from nobody."""
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotStart(f"{data} can not be made a directory: {error.strerror}") from error
    deadline = time.monotonic() + wait_s
    with (data / "lock").open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if time.monotonic() >= deadline:
                    where = listening(data)
                    raise CannotStart(
                        f"{data} is in use by another process"
                        + (f", which listens on {where}" if where else "")
                        + "; stop it, or name another directory with --data"
                    ) from error
                time.sleep(LOOK_S)
        yield
