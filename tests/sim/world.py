"""The simulator: many partitions and nodes in one process, in virtual time; one seed decides all.

A life has two parts. First everything goes wrong at random; then it is calm, what was withheld is
given, and the world must come to rest with every run ended. `judge.py` says what must hold then.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import lru_cache

from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.ids import root_of
from penstock.core.state.correlation_rows import RunMarker
from penstock.core.state.run import HaltReason, ThreadRun, WfRun
from penstock.core.state.transitions import THREAD_LIVE, USER_TASK_LIVE
from penstock.core.state.user_task_rows import UserTaskRun
from tests.sim.assignees import Assignees
from tests.sim.broker import Broker, Chance
from tests.sim.budgets import BUDGETS, short_turns
from tests.sim.clients import Clients
from tests.sim.inbox import Inbox
from tests.sim.judge import judge, same_definitions
from tests.sim.node import Broken, Node
from tests.sim.operators import Operators
from tests.sim.patches import a_defect, virtual_time
from tests.sim.people import Sender, Workers, garbage
from tests.sim.specs import EVENT_DEFS, OPEN
from tests.sim.tables import Group, Tables

START_MS = 1_700_000_000_000
STEPS = 180
ROUNDS_MAX = 120
MEDDLING_ROUNDS = 3
DEEDS = 6
SAID_MAX = 60
TENANT = "default"


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
        self.inbox = Inbox(self.broker, avro())
        self.assignees = Assignees(sender, self.inbox)
        self.operators = Operators(sender, self.clients, self.workers, self.inbox)
        self.withheld: set[str] = set()
        self.budget = self.random.choice(BUDGETS)

    def say(self, what: str) -> None:
        """For whoever reads a failure: the last of what happened."""
        self.said.append(f"step {self.broker.step}, {self.now_ms - START_MS} ms: {what}")
        del self.said[:-SAID_MAX]

    def live(self) -> None:
        """Live through it; raises Broken (or whatever a defect raises)."""
        with virtual_time(lambda: self.now_ms), a_defect(), short_turns(*self.budget):
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
        if draw < 0.48:
            self.random.choice(self.nodes).step()
        elif draw < 0.64:
            self.clients.act()
        elif draw < 0.75:
            self.workers.act()
        elif draw < 0.79:
            self.assignees.act()
        elif draw < 0.88:
            self.operators.act()
        elif draw < 0.91:
            self.pass_ms(self.random.choice((1, 50, 400, 3_000, 30_000)))
        elif draw < 0.94:
            self._move()
        elif draw < 0.955:
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
        self._all_is_defined()
        self.clients.plan_no_more()
        self.clients.start_again()
        self._quiet()
        runs = sorted(self.clients.runs)
        self.withheld = {name for name in runs if self.random.random() < 0.1}
        idle = 0  # rounds: what has ended a moment ago may be begun anew in the next one
        for number in range(ROUNDS_MAX):
            live = [group for group in self._live() if not self._is_withheld(group.key[1])]
            idle = 0 if live or self._is_one_to_come() else idle + 1
            if idle > 1 and number >= MEDDLING_ROUNDS:
                break
            for group in live:
                self._give_all(group)
            if number < MEDDLING_ROUNDS:
                self._meddle()
            self._quiet()
            self.pass_ms(20_000 if number < ROUNDS_MAX // 2 else 3_600_000)  # for a log clock
        self._quiet()

    def _meddle(self) -> None:
        """Now that every run is there, operators do what they like to it once more."""
        for _ in range(DEEDS):
            self.operators.act()
            for node in self.nodes:
                node.step()

    def _all_is_defined(self) -> None:
        """Or the worlds would be smaller than they seem."""
        for tables in self._tables():
            known = {row.name for row in tables.of(WfSpec)}
            for command in self.clients.definitions:
                if isinstance(command, PutWfSpec) and command.name not in known:
                    raise Broken(f"{command.name} is not registered")

    def _give_all(self, group: Group) -> None:
        """All that a run may wait for: each of its threads runs again, each event comes, to it or
        under its key, and each form is filled in."""
        wf_run_id = group.key[1]
        if any(run.held for run in group.of(WfRun)):
            self.operators.force(wf_run_id)  # who has its place may wait for ever
        for thread in group.of(ThreadRun):
            if {HaltReason.MANUAL_HALT, HaltReason.PAUSED} & set(thread.halt_reasons):
                self.clients.resume(wf_run_id, thread.number, None)
        for event_def in (*EVENT_DEFS, OPEN):
            self.clients.put_event(wf_run_id, event_def, 1)
        for marker in group.of(RunMarker):
            if not marker.stays:
                self.clients.put_under(marker.event_def, marker.event_key, 1)
        for row in group.of(UserTaskRun):
            if row.status in USER_TASK_LIVE:
                self.assignees.complete(row)

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

    def _is_one_to_come(self) -> bool:
        """Whether a run that has ended waits to be begun anew."""
        return any(
            run.anew is not None and run.anew.due_ms is not None
            for tables in self._tables()
            for run in tables.of(WfRun)
        )

    def _tables(self) -> Iterator[Tables]:
        for number in range(self.broker.topics.partitions):
            owner = self.broker.owners[number][0]
            [node] = [node for node in self.nodes if node.log is owner]
            yield node.stores.by_partition[number].tables

    def _all_have_ended(self) -> None:
        self.inbox.read()
        known = {group.key for tables in self._tables() for group in tables.groups()}
        for wf_run_id in self.clients.runs:
            if (TENANT, wf_run_id) not in known and wf_run_id not in self.inbox.deleted:
                raise Broken(f"{wf_run_id} was started, and is not there")
        for group in self._live():
            if not self._is_withheld(group.key[1]):
                threads = [one for one in group.of(ThreadRun) if one.status in THREAD_LIVE]
                raise Broken(f"{group.key} has not ended: {threads}")

    def _is_withheld(self, wf_run_id: str) -> bool:
        """A run gets nothing, nor do those below it."""
        return root_of(wf_run_id) in self.withheld
