"""A whole server in memory: log, stores, processor and HTTP application, without a socket and
without a thread of its own. It does something only when it is asked to, on a clock that its owner
sets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import Any, Final, TypeVar

import httpx

from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics
from penstock.contracts.wire import TENANT_DEFAULT, Sent, outgoing
from penstock.core.command import Command
from penstock.core.commands.tick import Tick
from penstock.core.state.partition_state import NEVER_MS, PartitionState
from penstock.core.state.timers import Clock as TimerClock
from penstock.gateway.app import make_app
from penstock.gateway.auth import Security
from penstock.gateway.host_names import Names
from penstock.log.memory import MemoryLog
from penstock.log.port import Message
from penstock.processor.preflight import preflight
from penstock.processor.processor import Processor
from penstock.processor.recovery import Opener
from penstock.processor.ticker import LIVENESS_TICK_MS, remaining_ms
from penstock.store.memory import MemoryStores

T = TypeVar("T")

CLUSTER: Final = "test"
HOST: Final = "penstock.test"
TURN_S: Final = 0.001  # of the event loop, while a request waits


class Clock:
    """The time, as the log stamps it."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


class Node:
    """`fold`, `request` and `move_to` do all that there is to do, and return."""

    def __init__(self, clock: Clock, partitions: int) -> None:
        self.clock = clock
        self.topics = topics = Topics(CLUSTER, partitions)
        self.avro = avro = Avro()
        self.log = log = MemoryLog(
            commands=topics.commands,
            partitions=partitions,
            on_demand=topics.on_demand,
            clock_ms=clock,
        )
        preflight(log, topics)
        self.processor = Processor(
            log=log,
            avro=avro,
            topics=topics,
            opener=Opener(
                log=log,
                avro=avro,
                topics=topics,
                stores=MemoryStores(),
                lock_wait_s=0.0,
                adopt_log=False,
            ),
        )
        self.processor.subscribe()
        self._app = make_app(
            processor=self.processor,
            log=log,
            avro=avro,
            topics=topics,
            security=Security(names=Names(own=frozenset({HOST}))),
        )
        self._transport = httpx.ASGITransport(self._app)
        # Of its own: a test may have an event loop running in its thread.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="penstock-testing")
        self._runner = self._thread.submit(asyncio.Runner).result()
        self._closing = AsyncExitStack()
        self.await_(self._closing.enter_async_context(self._app.router.lifespan_context(self._app)))
        self.fold()

    def close(self) -> None:
        """Let go of everything."""
        self.await_(self._closing.aclose())
        self._thread.submit(self._runner.close).result()
        self._thread.shutdown()
        self.processor.stop()
        self.log.close()

    def await_(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the node's event loop."""
        return self._thread.submit(self._runner.run, coroutine).result()

    def request(self, request: httpx.Request) -> httpx.Response:
        """Answer an HTTP request; meanwhile the engine folds what comes."""
        return self.await_(self._answer(request))

    def append(self, command: Command) -> None:
        """Append a command, as a worker does that waits for no answer."""
        sent = Sent(command=command, tenant=TENANT_DEFAULT, principal="test")
        out = outgoing(self.avro, sent, None)
        self.log.append_and_wait(
            Message(self.topics.commands, out.key, out.value, out.headers, out.partition)
        )

    def fold(self) -> None:
        """Fold until nothing more comes of it."""
        quiet = 0
        while quiet < 2:  # the first round may append a Tick, which the second one folds
            ends = self._ends()
            self.processor.step()
            quiet = quiet + 1 if self._ends() == ends == self._positions() else 0

    def next_due_ms(self) -> int | None:
        """When something comes to pass by itself; None if nothing does."""
        states = [partition.state for partition in self.processor.partitions()]
        due = [state.append_ms + wait for state in states if (wait := _wait_ms(state)) is not None]
        return max(min(due), self.clock.now_ms + 1) if due else None

    def move_to(self, now_ms: int) -> None:
        """It is later now."""
        self.clock.now_ms = now_ms
        for number in range(self.topics.partitions):
            sent = Sent(command=Tick(), tenant=TENANT_DEFAULT)
            out = outgoing(self.avro, sent, None)
            message = Message(self.topics.commands, None, out.value, out.headers, number)
            self.log.append_and_wait(message)
        self.fold()

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        answering = asyncio.ensure_future(self._transport.handle_async_request(request))
        while not answering.done():
            self.fold()
            await asyncio.wait([answering], timeout=TURN_S)
        answer = answering.result()
        return httpx.Response(
            answer.status_code, headers=answer.headers, content=await answer.aread()
        )

    def _ends(self) -> list[int | None]:
        return [self.log.bounds(number)[1] for number in range(self.topics.partitions)]

    def _positions(self) -> list[int | None]:
        return [self.processor.position(number) for number in range(self.topics.partitions)]


def _wait_ms(state: PartitionState) -> int | None:
    """Until a partition wants a Tick: of awake time, no more than this passes between two."""
    wait_ms = remaining_ms(state)
    if wait_ms is None or state.next_due_ms[TimerClock.AWAKE] == NEVER_MS:
        return wait_ms
    return min(wait_ms, LIVENESS_TICK_MS)
