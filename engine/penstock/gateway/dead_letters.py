"""Dead letters for operators: what each is, why it is one, what to do, and whether it may be sent
again. That one was sent again is a record of the same topic, with the code RETRIED: who, and when.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import Struct

from penstock.contracts.avro import Avro, Malformed
from penstock.contracts.records import RETRIED, DeadRecord
from penstock.contracts.topics import Topics
from penstock.contracts.wire import STAMP, client_headers
from penstock.core.command import Command, Sender
from penstock.core.commands import TYPE_OF
from penstock.core.limits import COMMAND_BYTES_MAX
from penstock.gateway import render
from penstock.log.pages import in_pages
from penstock.log.port import EngineLog, Message, Position, Record

EXPLAINED: Final[dict[str, tuple[str, str]]] = {
    "MALFORMED": (
        "the record on `commands` could not be read as a command, so nothing of it was done",
        "have its sender write it by a schema of schemas/command and send it anew; one that this"
        " build can read, since it knows a newer schema, may be retried",
    ),
    "TOO_LARGE": (
        "the output was larger than the log takes; a task's run has failed with OUTPUT_TOO_LARGE",
        "make what the run hands out smaller, and rescue or restart the run",
    ),
    "NO_TOPIC": (
        "there is no topic for the output, and it could not be made; a task is held until it is",
        "make the topic, or give the engine leave to; a held task then goes out by itself, an event"
        " may be retried",
    ),
    "DENIED": (
        "the engine has no permission to write to the topic; a task is held until it has",
        "give the engine's principal WRITE on the topic; a held task then goes out by itself, an"
        " event may be retried",
    ),
    "INVALID": (
        "the brokers find fault with the record, or with what their topic's settings make of it; a"
        " task's attempt has failed with TASK_FAILURE",
        "see the message, and mend the settings of the topic; then retry an event, rescue or"
        " restart the run",
    ),
    RETRIED: ("an operator has sent a dead letter again", "nothing"),
}
OTHER: Final = ("it could not be handled", "see the message, and the engine's log of that time")


class Letter(Struct, frozen=True):
    """A dead letter, and where it stands on its topic."""

    number: int
    dead: DeadRecord
    record: Record


class CannotRetry(Exception):
    """Why a dead letter is not sent again."""


def newest_letters(
    log: EngineLog, avro: Avro, topics: Topics, code: str | None, limit: int
) -> tuple[list[Letter], int, set[int]]:
    """The newest with a code, or of all, newest first; how many there are; which were retried."""
    newest: deque[Letter] = deque(maxlen=limit)
    total, retried = 0, set[int]()
    for letter in _letters(log, avro, topics):
        retried |= _retried_by(letter, topics)
        if code in (None, letter.dead.code):
            total += 1
            newest.append(letter)
    return list(reversed(newest)), total, retried


def letter_at(
    log: EngineLog, avro: Avro, topics: Topics, number: int
) -> tuple[Letter | None, set[int]]:
    """One, if it is there, and which of it and those after it were retried."""
    found: Letter | None = None
    retried = set[int]()
    for letter in _letters(log, avro, topics, number):
        if letter.number == number:
            found = letter
        if found is None:
            break
        retried |= _retried_by(letter, topics)
    return found, retried


def _letters(log: EngineLog, avro: Avro, topics: Topics, since: int = 0) -> Iterator[Letter]:
    """Oldest first, few of them in memory: nobody deletes them, and each may have half a MiB."""
    for record in in_pages(log, topics.dead_letters, since):
        try:
            dead, _ = avro.decode(record.value or b"")
        except Malformed:
            continue
        if isinstance(dead, DeadRecord):
            yield Letter(record.offset, dead, record)


def _retried_by(letter: Letter, topics: Topics) -> set[int]:
    """The number of the letter that was sent again, if this one tells so."""
    dead = letter.dead
    return {dead.offset} if (dead.code, dead.topic) == (RETRIED, topics.dead_letters) else set()


def listed_letter(letter: Letter, avro: Avro, topics: Topics, retried: set[int]) -> render.Json:
    """One of a list."""
    why, mend = EXPLAINED.get(letter.dead.code, OTHER)
    problem = _retry_problem(letter, avro, topics, retried)
    return {
        "number": letter.number,
        **render.dead_letter(letter.dead, letter.record),
        "why": why,
        "mend": mend,
        "retried": letter.number in retried,
        "retry": "may be retried" if problem is None else problem,
    }


def shown_letter(letter: Letter, avro: Avro, topics: Topics, retried: set[int]) -> render.Json:
    """One, with its bytes read as far as can be."""
    stamp = letter.record.headers.get(STAMP, b"").decode(errors="replace")
    read: dict[str, Any] = {
        "key": letter.dead.key.decode(errors="replace"),
        "text": letter.dead.value[:2_000].decode(errors="replace"),
        "record": None,
        "problem": None,
    }
    try:
        record, envelope = avro.decode(letter.dead.value)
        fields = msgspec.to_builtins(record, builtin_types=(bytes,))
        read["record"] = {"type": type(record).__name__, **envelope, "fields": fields}
    except Malformed as malformed:
        read["problem"] = str(malformed)
    return {**listed_letter(letter, avro, topics, retried), "stamp": stamp, "read": read}


def retry(
    letter: Letter,
    *,
    log: EngineLog,
    avro: Avro,
    topics: Topics,
    retried: set[int],
    principal: str,
) -> Position:
    """Append the bytes again, and a record that says who did so. Raises CannotRetry.

    That record may be missing: the log gave no answer, or another operator retries just now. A
    command has the same id each time, so the fold does it once (I4); an event, its stamp.
    """
    problem = _retry_problem(letter, avro, topics, retried)
    if problem is not None:
        raise CannotRetry(problem)
    dead = letter.dead
    if dead.topic == topics.commands:
        headers = client_headers(f"dead-letter:{dead.partition}:{dead.offset}")
        message = Message(dead.topic, dead.key, dead.value, headers, dead.partition)
    else:
        headers = {STAMP: letter.record.headers[STAMP]}
        message = Message(dead.topic, dead.key, dead.value, headers)
    position = log.append_and_wait(message)
    note = DeadRecord(
        topic=topics.dead_letters,
        partition=0,
        offset=letter.number,
        code=RETRIED,
        message=f"by {principal}: {dead.topic} {position}",
    )
    key = f"{dead.partition}:{dead.offset}".encode()
    log.append_and_wait(Message(topics.dead_letters, key, avro.encode(note), {STAMP: b""}))
    return position


def _retry_problem(letter: Letter, avro: Avro, topics: Topics, retried: set[int]) -> str | None:
    """Why a letter may not be sent again; None if it may."""
    dead = letter.dead
    if dead.code == RETRIED:
        return "it only tells that another one was retried"
    if letter.number in retried:
        return "it was retried before"
    if len(dead.value) < dead.value_bytes:
        return f"only {len(dead.value)} of its {dead.value_bytes} bytes are kept"
    if dead.topic == topics.commands:
        return _command_problem(dead, avro)
    if dead.topic == topics.events:
        too_large = dead.code == "TOO_LARGE"
        return "the log would refuse it for its size again" if too_large else None
    return "the fold knows that it was not sent, and goes on by itself; see what to do"


def _command_problem(dead: DeadRecord, avro: Avro) -> str | None:
    try:
        command, _ = avro.decode(dead.value, COMMAND_BYTES_MAX)
    except Malformed as malformed:
        return f"it can still not be read: {malformed}"
    if not isinstance(command, Command):
        return f"a {type(command).__name__} is not a command"
    if TYPE_OF[type(command)].sender is Sender.ENGINE:
        return "it is a command of the engine's own, whose stamp is not kept"
    return None
