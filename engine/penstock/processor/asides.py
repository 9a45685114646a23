"""What the fold's thread has asked for in another one, to know it some time. It goes on without an
answer, whatever the reason is that there is none: no partition stops for that (I5).
"""

from __future__ import annotations

import logging
from concurrent.futures import Future
from typing import TypeVar

from penstock.log.port import LogError

T = TypeVar("T")

logger = logging.getLogger("penstock.processor")


def answer_of(asked: Future[T], what: str) -> T | None:
    """The answer, which is there; None if it is an error."""
    error = asked.exception()
    if error is None:
        return asked.result()
    if isinstance(error, LogError):
        logger.info("%s is not known: %s", what, error)
    else:
        logger.error("%s is not known, by a defect", what, exc_info=error)
    return None
