"""Signs of life over HTTP, and what their answers, or a look, say is to stop.

While attempts are a worker's for longer, the server is asked which of them are to stop: a read,
which writes nothing, so that it may be often. The answers to heartbeats say it too.

Rules
- They have a line of their own, without a bound: where a server holds requests, for it waits for
  partitions, signs of life to others do not wait behind them.
- One that is not answered in time is given up before the next is due.
- No report waits long for one, or is overtaken by what one has said.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from penstock.core.values.value import Value
from penstock.sdk import api
from penstock.sdk.context import NO_WORDS, Words
from penstock.sdk.errors import PenstockError
from penstock.sdk.http_line import UNFIT, Line, command
from penstock.sdk.runner import BEATS, Job, Runner

STOPS_S: Final = 0.4  # between two looks at what is to stop, and from when an attempt is looked at
ATTEMPTS_MAX: Final = 1_000  # of one look; the server's bound
ANSWER_MIN_S: Final = 1.0  # so long an answer to a heartbeat is waited for at least
REPORT_WAITS_S: Final = 1.0  # so long a report waits for a heartbeat that is under way

logger = logging.getLogger("penstock.worker")


class _Beaten(Struct):
    stop: str | None


class _Stop(Struct):
    guid: str
    attempt: int
    stop: str


class _Stops(Struct):
    items: list[_Stop]


class Signs:
    """Of one worker; used on one event loop."""

    def __init__(self, line: Line, runner: Runner, worker: str) -> None:
        self._line = line
        self._runner = runner
        self._worker = worker
        self._beating: dict[Job, asyncio.Task[Any] | None] = {}

    async def beat(self, job: Job, progress: Value, with_words: bool) -> None:
        """A heartbeat; one that is not answered is followed by the next. What the attempt has said
        is taken here, so that no report overtakes it; if it does not fit, that is no less a sign of
        life.
        """
        if job in self._beating:
            return
        self._beating[job] = asyncio.current_task()
        context = job.attempt.context
        try:
            words = context.take_piece() if with_words else NO_WORDS
            told = await self._line.outcome(self._beaten(job, progress, words))
            if isinstance(told, PenstockError) and told.status in UNFIT:
                logger.info("a heartbeat of %s goes without words: %s", job.key[0], told)
                context.give_back(words)
                words = NO_WORDS
                told = await self._line.outcome(self._beaten(job, None, words))
            if isinstance(told, PenstockError):
                if api.is_final(told):  # else it may have been heard, and is said again
                    context.give_back(words)
                logger.info("a heartbeat of %s is not taken: %s", job.key[0], told)
                return
            context.heard(words)
            if told.stop is not None:
                self._runner.ask_to_stop(*job.key, told.stop)
        finally:
            self._beating.pop(job, None)

    async def settled(self, job: Job) -> None:
        """The heartbeat that is under way is answered, or given up: a report carries what it did
        not bring, and says of what it may have brought that it repeats it.
        """
        beating = self._beating.get(job)
        if beating is None:
            return
        _, late = await asyncio.wait([beating], timeout=REPORT_WAITS_S)
        if late:
            beating.cancel()
            await asyncio.wait([beating])

    async def look(self) -> None:
        """Ask, again and again, which of the attempts are to stop that run for longer, or wait for
        the event loop: one that is over by then is not begun.
        """
        while True:
            await asyncio.sleep(STOPS_S)
            jobs = self._runner.owned(STOPS_S)[:ATTEMPTS_MAX]
            if not jobs:
                continue
            attempts = [job.attempt.named for job in jobs]
            call = api.Call(method="POST", path="/v1/tasks/stops", body={"attempts": attempts})
            found = await self._line.outcome(self._line.ask(call, _Stops))
            if isinstance(found, PenstockError):
                logger.info("%s: what is to stop is not known: %s", self._worker, found)
                continue
            for one in found.items:
                self._runner.ask_to_stop(one.guid, one.attempt, one.stop)

    async def _beaten(self, job: Job, progress: Value, words: Words) -> _Beaten:
        beat = command("/v1/tasks/heartbeat", job.attempt.heartbeat(progress, words))
        until = time.monotonic() + _answer_s(job) - api.ON_ITS_WAY_S
        return await self._line.ask(replace(beat, until=until), _Beaten)


def _answer_s(job: Job) -> float:
    """How long the answer to a heartbeat is waited for: it is given up a while before the next, by
    which the server is to hear of the attempt in time.
    """
    wanted_ms = job.attempt.scheduled.heartbeat_timeout_ms
    if wanted_ms is None:
        return api.ANSWER_TIMEOUT_S
    return min(api.ANSWER_TIMEOUT_S, max(ANSWER_MIN_S, wanted_ms / 1_000 / (BEATS + 1)))
