"""Three real servers on one Kafka, with two partitions between them: one of them owns nothing."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.crash.server import Server

NODES = 3
PARTITIONS = 2
SETTLE_S = 60.0
SESSION_TIMEOUT_S = 6.0
TAKE_OVER_S = 10.0  # to open what has come, on a machine that does much else; alone it is 0.5 s
CLEAN_GAP_S = 3.0  # 0.6 s on two busy cores


class Node(Server):
    """One of them."""

    def more(self, words: tuple[str, ...]) -> None:
        """More to say to the server when it starts."""
        self._cluster += words

    def kill(self) -> None:
        """SIGKILL to our own process."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    def signal(self, number: int) -> None:
        """Any signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def terminate(self) -> None:
        """SIGTERM, and do not wait."""
        assert self._process is not None
        self._process.terminate()

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return None if self._process is None else self._process.pid

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def owners(self) -> dict[int, str | None]:
        """Who owns what, as this node says."""
        shown = self.accepted("GET", "/v1/cluster")
        return {
            one["partition"]: one["owner"] if one["status"] == "RUNNING" else None
            for one in shown["partitions"]
        }


class Cluster:
    """The nodes, by what they own."""

    def __init__(self, folder: Path, kafka: str, name: str, *options: str) -> None:
        more = ("--session-timeout-ms", str(int(SESSION_TIMEOUT_S * 1_000)), *options)
        self.nodes: list[Node] = []
        for number in range(NODES):
            data = folder / f"node-{number}" / "data"
            data.parent.mkdir()
            self.nodes.append(Node(data, kafka, name, more))

    def start(self) -> None:
        """Start all at once, and wait until they agree."""
        with ThreadPoolExecutor(NODES) as threads:
            list(threads.map(lambda node: node.start(), self.nodes))
        self.settled()

    def all_run(self) -> None:
        """Start those again that were taken away."""
        for node in self.nodes:
            if not node.is_running():
                node.start()

    def settled(self) -> dict[int, str]:
        """Who owns what, once all who run say the same."""
        deadline = time.monotonic() + SETTLE_S
        while True:
            said = [node.owners() for node in self.nodes if node.is_running()]
            owners: dict[int, Any] = said[0]
            if all(one == owners for one in said) and None not in owners.values():
                return owners
            assert time.monotonic() < deadline, said
            time.sleep(0.1)

    def owner(self, number: int) -> Node:
        """The node that has a partition."""
        url = self.settled()[number]
        return next(node for node in self.nodes if node.url == url)

    def idle(self) -> Node:
        """A node that runs and has none."""
        urls = set(self.settled().values())
        return next(node for node in self.nodes if node.is_running() and node.url not in urls)

    def stop(self) -> None:
        """Stop all that run."""
        with ThreadPoolExecutor(NODES) as threads:
            list(threads.map(lambda node: node.stop(), self.nodes))
