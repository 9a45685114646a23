"""Names and ids: what is allowed, how ids are derived, and which partition a key belongs to.

Ids are derived from the log, never drawn (I1): R10's hash of the RunWf's position, the WfRun id,
the thread and the node position can not come again even if a run is deleted and its id used once
more.
"""

import re
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from penstock.core.errors import Code, refuse
from penstock.core.limits import USER_ID_BYTES_MAX

BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS: Final = [second + first for first in BASE62 for second in BASE62]
"""Two digits at a time, the lower one first."""
GUID_CHARS: Final = 24
CORRELATION_KEY_BYTES_MAX: Final = 256
WF_RUN_ID_CHARS_MAX: Final = 1_024

_NAME = re.compile(r"(?!.*\.\.)[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?")
_INNER_NAME = re.compile(r"(?!.*\.\.)[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9_])?")
_KEBAB = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_WF_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NO_CORRELATION_KEY = re.compile(r"[\x00-\x1f\x7f-\x9f/~\ud800-\udfff]")
_GUID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


def check_definition_name(what: str, name: str) -> str:
    """Refuse a name that a WfSpec, TaskDef or another definition may not have."""
    if not is_definition_name(name):
        refuse(
            Code.BAD_NAME,
            f"{what} {name!r}: use 1-128 letters, digits, '.', '_' or '-', no '..',"
            " with a letter or digit at both ends",
        )
    return name


def is_definition_name(name: str) -> bool:
    """Whether a WfSpec, TaskDef or another definition may have this name."""
    return _NAME.fullmatch(name) is not None


def is_inner_name(name: str) -> bool:
    """Whether a node, thread or variable may have this name."""
    return _INNER_NAME.fullmatch(name) is not None


def is_step(node: str) -> bool:
    """Whether a node stands for a step of its own. A name with a dot is that of a helping node,
    which a compiler has put in: whoever looks up from below looks through it.
    """
    return "." not in node


def is_kebab(name: str) -> bool:
    """Whether this is kebab-case, and short enough."""
    return len(name) <= 40 and _is_kebab(name)


@lru_cache(maxsize=1_024)
def _is_kebab(name: str) -> bool:
    """Each command names its tenant."""
    return _KEBAB.fullmatch(name) is not None


def check_kebab(what: str, name: str) -> str:
    """Refuse a tenant's or application's name, or another word, that is not kebab-case."""
    if not is_kebab(name):
        refuse(
            Code.BAD_NAME, f"{what} {name!r}: use kebab-case, 1-40 characters, such as 'my-team'"
        )
    return name


def check_wf_run_id(wf_run_id: str) -> str:
    """Refuse an id that a client may not give to a WfRun."""
    if not _WF_RUN_ID.fullmatch(wf_run_id):
        refuse(
            Code.BAD_ID,
            f"wf_run_id {wf_run_id!r}: use 1-63 letters, digits, '_', '-', not first '_' or '-'",
        )
    return wf_run_id


def is_wf_run_id(text: str) -> bool:
    """Whether a WfRun may have this id: a client's, or a child's `<parent>.<child>`."""
    parts = text.split(".")
    if len(text) > WF_RUN_ID_CHARS_MAX:
        return False
    return all(_WF_RUN_ID.fullmatch(part) is not None for part in parts)


def check_family_id(wf_run_id: str) -> str:
    """Refuse an id that no run can have, be it a client's or a child's."""
    if not is_wf_run_id(wf_run_id):
        refuse(
            Code.BAD_ID,
            f"wf_run_id {wf_run_id[:100]!r}: at most {WF_RUN_ID_CHARS_MAX} characters, parts of"
            " letters, digits, '_', '-' with a '.' between them",
        )
    return wf_run_id


def check_schedule_id(schedule_id: str) -> str:
    """Refuse an id that a client may not give to a schedule: of the form of a WfRun's."""
    if not _WF_RUN_ID.fullmatch(schedule_id):
        refuse(
            Code.BAD_ID,
            f"schedule_id {schedule_id!r}: use 1-63 letters, digits, '_', '-', not first '_', '-'",
        )
    return schedule_id


def check_guid(what: str, guid: str) -> str:
    """Refuse a guid (an idempotency key given by a client) of the wrong form."""
    if not _GUID.fullmatch(guid):
        refuse(Code.BAD_ID, f"{what} {guid!r}: use 1-128 letters, digits, '_' or '-'")
    return guid


def owner_problem(what: str, text: str) -> str | None:
    """What is wrong with the id of a user or a user group; None if nothing is."""
    if not text.strip():
        return f"{what} can't be empty"
    if len(text.encode()) > USER_ID_BYTES_MAX or _CONTROL.search(text):
        return f"{what} {text[:40]!r}: use 1-{USER_ID_BYTES_MAX} bytes, no control characters"
    return None


def correlation_key_problem(key: str) -> str | None:
    """What is wrong with a key that correlated events are to be put under; None if nothing is."""
    size = len(key.encode(errors="replace"))
    if not 1 <= size <= CORRELATION_KEY_BYTES_MAX:
        return f"a correlation key has 1 to {CORRELATION_KEY_BYTES_MAX} bytes, this one {size}"
    if _NO_CORRELATION_KEY.search(key):
        return "a correlation key has no control characters, no '/' and no '~'"
    return None


def base62(digest: bytes) -> str:
    """24 base62 characters of a digest of at least 18 bytes."""
    number = int.from_bytes(digest, "big")
    pairs: list[str] = []
    for _ in range(GUID_CHARS // 2):
        number, rest = divmod(number, len(_PAIRS))
        pairs.append(_PAIRS[rest])
    return "".join(pairs)


def derive_guid(*parts: str | int) -> str:
    """A guid that is a function of its parts; parts can not run into each other."""
    text = "\x00".join(str(part) for part in parts)
    return base62(blake2b(text.encode(), digest_size=20).digest())


def visit_id(partition: int, born_offset: int, wf_run_id: str, thread: int, position: int) -> str:
    """The id of a node run (R10), and of the TaskRun or the form that it makes."""
    return derive_guid(partition, born_offset, wf_run_id, thread, position)


def id_before(wf_run_id: str, task_run_id: str) -> str:
    """The id that a task run of an older run has where a replay shows it as its own."""
    return derive_guid("before", wf_run_id, task_run_id)


def fraction_of(*parts: str | int) -> float:
    """A number from 0 up to, not including, 1 that is a function of its parts."""
    text = "\x00".join(str(part) for part in parts)
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest(), "big") / 2**32


def derive_uuid(*parts: str | int) -> str:
    """A UUID (version 8: made as its maker likes) that is a function of its parts."""
    text = "\x00".join(str(part) for part in parts)
    number = int.from_bytes(blake2b(text.encode(), digest_size=16).digest(), "big")
    number = number & ~(0xF << 76) | (0x8 << 76)
    number = number & ~(0x3 << 62) | (0x2 << 62)
    digits = f"{number:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def child_run_id(parent: str, *parts: str | int) -> str:
    """The id of a run that a node starts below another one (R10)."""
    return f"{parent}.{derive_guid('child', *parts)}"


def wf_run_id_of(tenant: str, command_id: str) -> str:
    """The id of a run whose starter gave none: the same for every retry of the same command."""
    return derive_guid("wf-run", tenant, command_id)


def root_of(wf_run_id: str) -> str:
    """The id of the root of a family of runs: its partition key."""
    return wf_run_id.partition(".")[0]


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key, as the Java client's default partitioner and librdkafka's murmur2
    choose it.
    """
    return (_murmur2(key) & 0x7FFFFFFF) % partitions


@lru_cache(maxsize=65_536)
def partition_of_run(wf_run_id: str, partitions: int) -> int:
    """The partition on which a run and its whole family live."""
    return partition_of(root_of(wf_run_id).encode(), partitions)


def _murmur2(data: bytes) -> int:
    """MurmurHash2, 32 bits, with the seed that Kafka's Java client uses."""
    multiplier, mask = 0x5BD1E995, 0xFFFFFFFF
    length = len(data)
    state = (0x9747B28C ^ length) & mask
    whole = length & ~3
    for start in range(0, whole, 4):
        word = int.from_bytes(data[start : start + 4], "little") * multiplier & mask
        word = (word ^ (word >> 24)) * multiplier & mask
        state = (state * multiplier & mask) ^ word
    if length > whole:
        state ^= int.from_bytes(data[whole:], "little")
        state = state * multiplier & mask
    state = (state ^ (state >> 13)) * multiplier & mask
    return state ^ (state >> 15)
