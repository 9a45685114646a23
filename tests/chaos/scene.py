"""What every case is played on: servers on a Kafka, traffic through them, and the checkers."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics
from penstock.contracts.wire import Sent, outgoing
from penstock.core.commands.run_wf import RunWf
from penstock.log.kafka import KafkaEngineLog
from penstock.log.port import Message
from tests.chaos.checkers import Audit, Bounds, Found, Gone
from tests.chaos.marks import Marks, log_beside
from tests.chaos.report import Figures
from tests.chaos.traffic import Traffic, define
from tests.nodes.cluster import Node

PARTITIONS = 3
SESSION_TIMEOUT_MS = 6_000


class Scene:
    """Servers of one cluster. `ways` says for each where it reaches Kafka."""

    def __init__(
        self,
        folder: Path,
        ways: list[str],
        cluster: str,
        *,
        more: tuple[str, ...] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        words = ("--partitions", str(PARTITIONS), *more)
        words += ("--session-timeout-ms", str(SESSION_TIMEOUT_MS))
        self.nodes: list[Node] = []
        self.kafka, self.cluster = ways[-1], cluster
        self.bounds = Bounds()
        self.marks = Marks(self.kafka, Topics(cluster, PARTITIONS))
        self.kills = 0
        self._traffics = 0
        for number, way in enumerate(ways):
            data = folder / f"node-{number}" / "data"
            data.parent.mkdir(parents=True)
            self.nodes.append(Node(data, way, cluster, words, environment))

    @property
    def node(self) -> Node:
        """The first of them."""
        return self.nodes[0]

    def start(self) -> None:
        """Start all, and define what the traffic is made of."""
        with ThreadPoolExecutor(len(self.nodes)) as threads:
            list(threads.map(lambda node: node.start(), self.nodes))
        define(self.node)

    def traffic(self, *, each: int = 2, workers: int = 2) -> Traffic:
        """Clients and workers that know all nodes; their runs are others than those before."""
        self.marks.look()
        self._traffics += 1
        urls, name = [node.url for node in self.nodes], f"run{self._traffics}"
        return Traffic(urls, PARTITIONS, name=name, each=each, workers=workers)

    def kill(self, node: Node) -> None:
        """SIGKILL, counted."""
        self.look()
        node.kill()
        self.kills += 1

    def owner(self, number: int, asked: Node) -> Node | None:
        """Who has a partition, as a node says; None while nobody has."""
        url = asked.owners()[number]
        return next((node for node in self.nodes if node.url == url), None)

    def finish(
        self, traffic: Traffic, figures: Figures, *, own_marks: bool = True, **more: Any
    ) -> Found:
        """Stop all cleanly, check all, and note the figures."""
        self.end(own_marks=own_marks)
        return self.audit(traffic, figures, **more)

    def audit(
        self,
        traffic: Traffic,
        figures: Figures,
        *,
        dead_letters: int = 0,
        others: Collection[str] = (),
        snapshots: Path | None = None,
        gone: Gone | None = None,
        calm: bool = False,
    ) -> Found:
        """Check all, of nodes that have been stopped, and note the figures. `calm`: nobody was
        killed, held up or cut off, so that nothing may have been sent twice (O3).
        """
        checkers = Audit(**self.audited(), snapshots=snapshots, gone=gone)
        found = checkers.run(traffic.told, dead_letters=dead_letters, others=others)
        self.note(found, figures)
        assert not (calm and found.sent_twice), f"O3: sent twice for no reason: {found}"
        return found

    def end(self, *, own_marks: bool = True) -> None:
        """Stop all cleanly: within what each may have taken of the machine (O7), and with marks
        that only went forward (O4), unless somebody else has set them, too.
        """
        self.look()
        self.stop()
        self.bounds.check()
        if own_marks:
            self.marks.check()

    def audited(self) -> dict[str, Any]:
        """What there is to be audited."""
        return {
            "kafka": self.kafka,
            "cluster": self.cluster,
            "partitions": PARTITIONS,
            "folders": [str(node.data) for node in self.nodes],
        }

    def note(self, found: Found, figures: Figures) -> None:
        """Note what was found, for the sums."""
        figures(
            kills=self.kills,
            acknowledged=found.acknowledged,
            lost=found.lost,
            duplicated=found.duplicated,
            sent_twice=found.sent_twice,
        )

    def look(self) -> None:
        """See what each takes of the machine."""
        for node in self.nodes:
            if node.is_running() and node.pid is not None:
                self.bounds.look(node.pid, node.data)

    def stop(self) -> None:
        """Stop all that run, one after the other, so that the last one has all in the end."""
        for node in self.nodes:
            node.stop()


def until(holds: Callable[[], bool], what: str, timeout_s: float = 40.0) -> None:
    """Wait for what something else brings about."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, f"in {timeout_s} s it has not come about: {what}"
        time.sleep(0.05)


def has_all(node: Node) -> bool:
    """Whether a node has all partitions, as it says itself."""
    return list(node.owners().values()) == [node.url] * PARTITIONS


def log_of(scene: Scene) -> KafkaEngineLog:
    """The log, for who looks at it beside the servers."""
    return log_beside(scene.kafka, Topics(scene.cluster, PARTITIONS), "auditors")


def cut_log(scene: Scene, before: Mapping[int, int]) -> Gone:
    """Have the broker delete the commands before these offsets; what there was."""
    commands = Topics(scene.cluster, PARTITIONS).commands
    with closing(log_of(scene)) as log:
        gone = {number: log.read_all(commands, number) for number in before}
        for number, offset in before.items():
            log.truncate(number, offset)
    return gone


def append_runs(scene: Scene, wf_spec_of: Callable[[int], str], count: int) -> list[str]:
    """Append the commands themselves, where over HTTP it would take long; the ids of the runs."""
    avro, topics = Avro(), Topics(scene.cluster, PARTITIONS)
    ids: list[str] = []
    with closing(log_of(scene)) as log:
        for number in range(count):
            wf_spec = wf_spec_of(number)
            ids.append(f"{wf_spec}-{number}")
            command = RunWf(wf_spec=wf_spec, wf_run_id=ids[-1])
            made = outgoing(avro, Sent(command=command), f"start-{number}")
            log.append(Message(topics.commands, made.key, made.value, made.headers))
            if number % 10_000 == 0:
                log.flush()
        log.flush(60)
    return ids
