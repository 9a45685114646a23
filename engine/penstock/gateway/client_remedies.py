"""What each code means that a client gives itself, without an answer, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.gateway.failure_remedies import Explained

OF_CLIENTS: Final[Mapping[str, Explained]] = {
    "UNREACHABLE": (
        "nothing answers at the server's address, or what was sent was cut off",
        "start a server (`penstock dev`), or say where it is: `--url`, `PENSTOCK_URL`,"
        " `penstock profiles use`",
    ),
    "BAD_ANSWER": (
        "what has answered does not speak as a server of this version",
        "see whether Penstock listens at the address, or a proxy or another version of it",
    ),
    "STREAM_ENDED": (
        "a stream of events was ended again and again before anything was told",
        "look at what stands between, such as a proxy; then follow again",
    ),
    "INCOMPLETE": (
        "a list lacks what lies on partitions that could not be asked",
        "look at them with `penstock doctor`, and ask again",
    ),
    "RESULT_TIMEOUT": (
        "what was waited for had not come when the time was over; it goes on",
        "wait again, or see what it waits for (`penstock why RUN`)",
    ),
    "UNANSWERED": (
        "a run has ended without an answer to an update",
        "read its story: whether it acted on it is told there",
    ),
}
