"""The simulator: many partitions and nodes in one process, in virtual time; one seed decides all.

A life has two parts. First everything goes wrong at random; then it is calm, what was withheld is
given, and the world must come to rest with every run ended. `judge.py` says what must hold then.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from types import SimpleNamespace
from typing import Any
from unittest import mock

from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics
from penstock.core import fold
from penstock.core.command import CommandType
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.ids import root_of
from penstock.core.state.run import HaltReason, ThreadRun, WfRun
from penstock.core.state.timers import Timer, TimerKind
from penstock.core.state.transitions import THREAD_LIVE
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value
from penstock.processor import processor, ticker
from tests.sim.broker import Broker, Chance
from tests.sim.budgets import BUDGETS, short_turns
from tests.sim.judge import judge, same_definitions
from tests.sim.node import Broken, Node
from tests.sim.operators import Operators
from tests.sim.people import BOOM, Clients, Sender, Workers, garbage
from tests.sim.specs import EVENT_DEFS, OPEN
from tests.sim.tables import Group, Tables

START_MS = 1_700_000_000_000
STEPS = 150
ROUNDS_MAX = 120
SAID_MAX = 60
TENANT = "default"
UNLUCKY = "3"  # runs whose id ends so


@lru_cache(maxsize=1)
def avro() -> Avro:
    """One codec for all worlds of this process: parsing the schemas takes longer than a world."""
    return Avro()


@lru_cache(maxsize=8)
def topics(partitions: int) -> Topics:
    """The topics of a world."""
    return Topics("sim", partitions)


class World:
    """Everything there is, for one seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.chance = Chance(self.random)
        self.now_ms = START_MS
        self.skew_ms = 0
        self.said: list[str] = []
        self.broker = Broker(
            topics(self.random.randint(3, 6)),
            self.chance,
            lambda: self.now_ms + self.skew_ms,
        )
        names = [f"node-{number}" for number in range(self.random.randint(2, 3))]
        self.nodes = [Node(name, self.broker, avro(), self.say) for name in names]
        sender = Sender(self.broker, avro())
        self.clients = Clients(sender, runs_max=self.random.randint(2, 10))
        self.workers = Workers(sender)
        self.operators = Operators(sender, self.workers)
        self.withheld: set[str] = set()
        self.budget = self.random.choice(BUDGETS)

    def say(self, what: str) -> None:
        """For whoever reads a failure: the last of what happened."""
        self.said.append(f"step {self.broker.step}, {self.now_ms - START_MS} ms: {what}")
        del self.said[:-SAID_MAX]

    def live(self) -> None:
        """Live through it; raises Broken (or whatever a defect raises)."""
        with virtual_time(self), a_defect(), short_turns(*self.budget):
            self._begin()
            for _ in range(STEPS):
                self.broker.step += 1
                self.broker.land_due()
                self._happen()
            self._come_to_rest()
            self._all_have_ended()
            judge(self.broker, self.nodes)

    def _begin(self) -> None:
        for number in range(self.broker.topics.partitions):
            self.broker.assign(number, self.random.choice(self.nodes).log, rude=True)
        self.clients.define()

    def _happen(self) -> None:
        draw = self.random.random()
        if draw < 0.55:
            self.random.choice(self.nodes).step()
        elif draw < 0.72:
            self.clients.act()
        elif draw < 0.86:
            self.workers.act()
        elif draw < 0.88:
            self.operators.act()
        elif draw < 0.91:
            self.pass_ms(self.random.choice((1, 50, 400, 3_000, 30_000)))
        elif draw < 0.94:
            self._move()
        elif draw < 0.96:
            garbage(self.clients.sender)
        elif draw < 0.97:
            self.clients.define()
        else:
            self._catastrophe()
        self._expire_sessions()

    def _catastrophe(self) -> None:
        match self.random.randrange(5):
            case 0:
                self.say("an hour is lost")
                self.pass_ms(3_600_000)
            case 1:
                self.skew_ms += self.random.choice((-7_000_000, -5_000, 5_000, 7_000_000))
                self.say(f"the clock of the log is {self.skew_ms} ms off")
            case 2:
                node = self.random.choice(self.nodes)
                self.say(f"{node.name} loses its disk")
                node.lose_disk()
            case 3:
                self.broker.task_topics_denied = not self.broker.task_topics_denied
                self.say(f"topics of tasks denied: {self.broker.task_topics_denied}")
            case _:
                node = self.random.choice(self.nodes)
                self.say(f"{node.name} is killed")
                node.die()

    def pass_ms(self, duration_ms: int) -> None:
        """Time passes."""
        self.now_ms += duration_ms

    def _move(self) -> None:
        number = self.random.randrange(self.broker.topics.partitions)
        node, rude = self.random.choice(self.nodes), self.random.random() < 0.5
        if node.log.alive:
            self.say(f"partition {number} goes to {node.name}{', rudely' if rude else ''}")
            self.broker.assign(number, node.log, rude=rude)

    def _expire_sessions(self) -> None:
        """The partitions of the dead go to the living."""
        living = [node for node in self.nodes if node.log.alive]
        for number, (owner, _) in sorted(self.broker.owners.items()):
            if not owner.alive and living and (self.chance.calm or self.random.random() < 0.2):
                self.broker.assign(number, self.random.choice(living).log, rude=True)

    # The calm after it.

    def _come_to_rest(self) -> None:
        """No more faults. Everybody asks again for what he wants; time passes until all is done."""
        self.say("it is calm now")
        self.chance.calm = True
        self.broker.task_topics_denied = False
        for node in self.nodes:
            node.down_until = 0
        self._quiet()
        same_definitions(list(self._tables()))
        self.clients.define()
        self._quiet()
        self.clients.start_again()
        self._quiet()
        runs = sorted(self.clients.runs)
        self.withheld = {name for name in runs if self.random.random() < 0.1}
        for number in range(ROUNDS_MAX):
            live = [group for group in self._live() if not self._is_withheld(group.key[1])]
            if not live:
                break
            for group in live:
                self._give_all(group)
            self._quiet()
            self.pass_ms(20_000 if number < ROUNDS_MAX // 2 else 3_600_000)  # for a log clock
        self._quiet()

    def _give_all(self, group: Group) -> None:
        """All that a run may wait for: each of its threads runs again, and each event comes."""
        wf_run_id = group.key[1]
        for thread in group.of(ThreadRun):
            if not {HaltReason.MANUAL_HALT, HaltReason.PAUSED}.isdisjoint(thread.halt_reasons):
                self.clients.resume(wf_run_id, thread.number, None)
        for event_def in (*EVENT_DEFS, OPEN):
            self.clients.put_event(wf_run_id, event_def, 1)

    def _quiet(self) -> None:
        """Step until nothing moves."""
        still = 0
        for _ in range(2_000):
            before = self._ends()
            self.broker.land_due()
            for node in self.nodes:
                node.step()
            self._expire_sessions()
            self.workers.act()
            self.pass_ms(5)
            still = still + 1 if self._ends() == before and self._all_folded() else 0
            if still == 3:
                return
        raise Broken("the world does not come to rest")

    def _ends(self) -> list[int]:
        return [self.broker.end(number) for number in range(self.broker.topics.partitions)]

    def _all_folded(self) -> bool:
        return all(
            any(node.log is owner and node.processor.position(number) == end for node in self.nodes)
            for number, end in enumerate(self._ends())
            for owner in [self.broker.owners[number][0]]
        )

    def _live(self) -> list[Group]:
        """The runs that have not ended, by the owners' rows."""
        return [
            group
            for tables in self._tables()
            for group in tables.groups()
            if any(run.status in THREAD_LIVE for run in group.of(WfRun))
        ]

    def _tables(self) -> Iterator[Tables]:
        for number in range(self.broker.topics.partitions):
            owner = self.broker.owners[number][0]
            [node] = [node for node in self.nodes if node.log is owner]
            yield node.stores.by_partition[number].tables

    def _all_have_ended(self) -> None:
        known = {group.key for tables in self._tables() for group in tables.groups()}
        for wf_run_id in self.clients.runs:
            if (TENANT, wf_run_id) not in known:
                raise Broken(f"{wf_run_id} was started, and is not there")
        for group in self._live():
            if not self._is_withheld(group.key[1]):
                threads = [one for one in group.of(ThreadRun) if one.status in THREAD_LIVE]
                raise Broken(f"{group.key} has not ended: {threads}")

    def _is_withheld(self, wf_run_id: str) -> bool:
        """A run gets nothing, nor do those below it."""
        return root_of(wf_run_id) in self.withheld


@contextmanager
def virtual_time(world: World) -> Iterator[None]:
    """The clock of the processes is the world's."""
    clock = SimpleNamespace(
        time=lambda: world.now_ms / 1_000, monotonic=lambda: world.now_ms / 1_000
    )
    with (
        mock.patch.object(processor, "time", clock),
        mock.patch.object(ticker, "time", clock),
        mock.patch.object(processor, "RETRY_PAUSE_S", 0.0),
    ):
        yield


@contextmanager
def a_defect() -> Iterator[None]:
    """The engine has two defects: it divides by zero at some events, and when the time of some
    runs is over (R6)."""
    sound, sound_fire = fold.TYPE_OF[PutExternalEvent], fold.fire

    def handle(turn: Turn, command: Any) -> Value:
        return 1 // 0 if command.content == BOOM else sound.handle(turn, command)

    def fire(turn: Turn, timer: Timer) -> None:
        if timer.kind is TimerKind.NODE and timer.wf_run_id.endswith(UNLUCKY):
            raise ZeroDivisionError(timer.wf_run_id)
        sound_fire(turn, timer)

    broken = CommandType(PutExternalEvent, handle, sound.key, sound.repeats, sound.sender)
    with (
        mock.patch.dict(fold.TYPE_OF, {PutExternalEvent: broken}),
        mock.patch.object(fold, "fire", fire),
    ):
        yield
