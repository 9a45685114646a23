"""Keys of rows: bytes whose order is the order of their parts.

    run rows         tenant 00 'r' wf_run_id 00 <kind> parts...   all of a run lies together
    definitions      tenant 00 'd' <kind> parts...
    the partition's  00 <kind> parts...                            its clock, timers, channels

Text parts are UTF-8 followed by 00 (names and ids hold no 00), numbers are 8 bytes, big-endian.
"""

from collections.abc import Callable, Sequence
from enum import Enum
from functools import lru_cache
from struct import Struct as Packing
from typing import Any, Final

Part = str | int

PARTITION_PREFIX: Final = b"\x00"
_NUMBER_BYTES: Final = 8


class Scope(Enum):
    """Where a row's key lies."""

    RUN = "r"
    DEFINITION = "d"
    PARTITION = ""


def encode_parts(parts: Sequence[Part]) -> bytes:
    """The bytes of a key's parts; a shorter sequence is a prefix of a longer one."""
    return b"".join(
        [
            part.encode() + b"\x00"
            if isinstance(part, str)
            else part.to_bytes(_NUMBER_BYTES, "big")
            for part in parts
        ]
    )


@lru_cache(maxsize=16_384)
def run_prefix(tenant: str, wf_run_id: str) -> bytes:
    """What all keys of one run begin with."""
    return f"{tenant}\x00r{wf_run_id}\x00".encode()


def key_function(scope: Scope, kind: bytes, numbers: Sequence[bool]) -> Callable[..., bytes]:
    """A function of all parts of a key that makes it, for one kind of row; `numbers` says which
    parts are numbers. More than twenty keys are made for a command: this takes half the time of
    `Row.key`, which also makes prefixes.
    """
    ahead = {Scope.RUN: 2, Scope.DEFINITION: 1, Scope.PARTITION: 0}[scope]
    encode = _encoder(numbers[ahead:])
    prefix = PARTITION_PREFIX + kind

    def of_run(tenant: str, wf_run_id: str, *parts: Any) -> bytes:
        return run_prefix(tenant, wf_run_id) + kind + encode(*parts)

    def of_definition(tenant: str, *parts: Any) -> bytes:
        return definition_prefix(tenant) + kind + encode(*parts)

    def of_partition(*parts: Any) -> bytes:
        return prefix + encode(*parts)

    of = {Scope.RUN: of_run, Scope.DEFINITION: of_definition, Scope.PARTITION: of_partition}
    return of[scope]


def _encoder(numbers: Sequence[bool]) -> Callable[..., bytes]:
    """What `encode_parts` does, where it is known which parts are numbers."""
    if all(numbers):
        return Packing(f">{len(numbers)}Q").pack
    if not any(numbers):
        return _encode_texts
    cut = numbers.index(not numbers[0])
    first, rest = _encoder(numbers[:cut]), _encoder(numbers[cut:])
    return lambda *parts: first(*parts[:cut]) + rest(*parts[cut:])


def _encode_texts(*parts: str) -> bytes:
    return ("\x00".join(parts) + "\x00").encode()


def child_runs_prefix(tenant: str, wf_run_id: str) -> bytes:
    """What all keys of the runs below a run begin with: `<parent>.<child>`."""
    return f"{tenant}\x00r{wf_run_id}.".encode()


def runs_prefix(tenant: str) -> bytes:
    """What all keys of all runs of a tenant begin with."""
    return f"{tenant}\x00r".encode()


def behind_run(tenant: str, wf_run_id: str) -> bytes:
    """The first key that is above every row of a run; its child runs lie above it."""
    return after_prefix(run_prefix(tenant, wf_run_id))


def behind_child_runs(tenant: str, wf_run_id: str) -> bytes:
    """The first key that is above every row of the runs below a run. Between the run and these
    there may lie others, whose ids begin like its own.
    """
    return after_prefix(child_runs_prefix(tenant, wf_run_id))


def kind_of_run_key(key: bytes) -> bytes:
    """The kind of a row of a run."""
    end_of_id = key.index(b"\x00", key.index(b"\x00") + 1) + 1
    return key[end_of_id : end_of_id + 1]


def run_id_of(key: bytes) -> str:
    """The id of the run that a row of a run belongs to."""
    start = key.index(b"\x00") + 2
    return key[start : key.index(b"\x00", start)].decode()


@lru_cache(maxsize=1_024)
def definition_prefix(tenant: str) -> bytes:
    """What all keys of a tenant's definitions begin with."""
    return f"{tenant}\x00d".encode()


def after_prefix(prefix: bytes) -> bytes:
    """The first key that is above every key beginning with `prefix`."""
    head = prefix.rstrip(b"\xff")
    return head[:-1] + bytes((head[-1] + 1,))
