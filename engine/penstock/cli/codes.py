"""What the command's exit codes mean. A script may know by them why something was not done, without
reading it. docs/CLI.md has this table, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from penstock.core.errors import Outdated
from penstock.log.port import LogError
from penstock.processor.directory import CannotStart
from penstock.sdk.errors import (
    Forbidden,
    NotFound,
    PenstockError,
    ResultTimeout,
    RunFailed,
    Unanswered,
)
from penstock.store.port import StoreError


class Exit(IntEnum):
    """The exit codes."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    NOT_ALLOWED = 4
    NO_ANSWER = 5
    RUN_FAILED = 6
    INTERRUPTED = 130
    UNREAD = 141


MEANS: Final[Mapping[Exit, str]] = {
    Exit.DONE: "done",
    Exit.FAILED: "refused, or failed; or `doctor` or `verify` has found something that is wrong",
    Exit.USAGE: "a wrong command line; nothing was asked",
    Exit.NOT_FOUND: "what was named is not there",
    Exit.NOT_ALLOWED: "the credential is missing, or may not",
    Exit.NO_ANSWER: "no answer now: the server is away, starting or overloaded, or the time was"
    " over; the same command may go through later",
    Exit.RUN_FAILED: "the run that was waited for has ended, and not well",
    Exit.INTERRUPTED: "Ctrl-C",
    Exit.UNREAD: "whoever read the output has closed it",
}

TOLD: Final = (PenstockError, CannotStart, Outdated, StoreError, LogError)
"""What goes wrong without a mistake of ours: told in a sentence, and by its code."""


def code_of(error: Exception) -> Exit:
    """What a failure is told as."""
    match error:
        case RunFailed():
            return Exit.RUN_FAILED
        case NotFound():
            return Exit.NOT_FOUND
        case Forbidden():
            return Exit.NOT_ALLOWED
        case Unanswered():
            return Exit.FAILED
        case ResultTimeout():
            return Exit.NO_ANSWER
        case PenstockError() if error.status in (0, 429) or error.status >= 500:
            return Exit.NO_ANSWER
        case _:
            return Exit.FAILED
