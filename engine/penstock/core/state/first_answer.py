"""How a command that is sent again is known (R12): by hashes of what it says and of its id, kept
with its first answer.

They lie with the row that the command made, or ended, so that they cost no row of their own.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from msgspec import Struct

from penstock.core.values.value import Value, encode_value

ID_HASH_BYTES: Final = 8  # compared with that of one command alone
REQUEST_HASH_BYTES: Final = 12


class FirstAnswer(Struct, array_like=True, frozen=True, gc=False):
    """What a command was told when it came first."""

    request_hash: bytes
    id_hash: bytes
    body: Value


def first_answer(command: object, command_id: str | None, body: Value) -> FirstAnswer:
    """What is to be kept of a command that is done."""
    return FirstAnswer(request_hash(command), id_hash(command_id), body)


def request_hash(request: object) -> bytes:
    """Two commands of one kind that say the same have the same; no others have."""
    name = type(request).__name__.encode()
    return blake2b(name + encode_value(request), digest_size=REQUEST_HASH_BYTES).digest()


def id_hash(command_id: str | None) -> bytes:
    """Of a command without an id: nothing, which is like no other."""
    if command_id is None:
        return b""
    return blake2b(command_id.encode(), digest_size=ID_HASH_BYTES).digest()
