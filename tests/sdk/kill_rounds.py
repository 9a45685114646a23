"""A worker over Kafka is killed, again and again: how soon another one begins what it had.

    python -m tests.sdk.kill_rounds --rounds 30      (make killed)

Every other round its tasks had said that they have begun, and had given signs of life. All tasks
count that the worker had when it was killed, those too that it had taken and not begun.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from math import ceil
from pathlib import Path

from penstock import Client, Worker, Workflow
from tests.kafka_broker import running_kafka
from tests.sdk.killed import SLOTS, kk_briefly, kk_for_long, kk_said, kk_unsaid
from tests.sdk.servers import running_server

BEGUN = 10
TOGETHER = 10
SETTLED_S = 2.0
ELSEWHERE_S = 10.0
"""What is promised at p99."""

UNSAID = kk_briefly, 600.0
SAID = kk_for_long, 0.1
"""What runs, and after how long a task is said to have begun."""

Way = tuple[Workflow[[int], float], float]


class Victim:
    """A worker in a process of its own, that says which tasks it has begun, and ends none."""

    def __init__(self, kafka_url: str, folder: Path, started_after_s: float) -> None:
        self._path = Path(tempfile.mkstemp(dir=folder)[1])
        words = [kafka_url, str(self._path), str(started_after_s)]
        self._process = subprocess.Popen([sys.executable, "-m", "tests.sdk.killed", *words])

    def begun(self) -> int:
        """How many tasks it has begun."""
        assert self._process.poll() is None
        return len(self._path.read_text().split())

    def kill(self) -> float:
        """Kill it; when that was."""
        self._process.kill()
        killed_s = time.time()
        self._process.wait()
        return killed_s


@contextmanager
def a_victim(kafka_url: str, folder: Path, started_after_s: float) -> Generator[Victim]:
    """One that does not outlive the test."""
    victim = Victim(kafka_url, folder, started_after_s)
    try:
        yield victim
    finally:
        victim.kill()


def one_round(client: Client, kafka_url: str, folder: Path, way: Way) -> list[float]:
    """After how many seconds each task of a killed worker was begun by another, which is there."""
    flow, started_after_s = way
    # The other has its partitions first: from who has begun tasks none goes, with word of them.
    client.run(flow, number=0).result(timeout=60)
    with a_victim(kafka_url, folder, started_after_s) as victim:
        handles = [client.run(flow, number=0)]
        deadline = time.monotonic() + 60
        while victim.begun() < BEGUN:
            assert time.monotonic() < deadline
            handles += [client.run(flow, number=len(handles) + n) for n in range(TOGETHER)]
            time.sleep(0.2)
        time.sleep(SETTLED_S)  # so that what is not done by now is the victim's, and it has said so
        killed_s = victim.kill()
        begun_s = [handle.result(timeout=90) for handle in handles]
    return sorted(at_s - killed_s for at_s in begun_s if at_s > killed_s)


def at(took_s: list[float], share: float) -> float:
    """The least time that so large a share of all did not exceed."""
    return sorted(took_s)[ceil(share * len(took_s)) - 1]


def told(of: str, rounds: int, took_s: list[float]) -> str:
    """A line of figures."""
    return (
        f"{of:<32} {rounds:>3} kills  {len(took_s):>5} tasks  p50 {at(took_s, 0.5):5.2f} s"
        f"  p99 {at(took_s, 0.99):5.2f} s  most {max(took_s):5.2f} s"
    )


def main() -> int:
    """Kill so many, and tell; 1 if it took too long."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    rounds: int = parser.parse_args().rounds
    took_s: dict[Way, list[float]] = {UNSAID: [], SAID: []}
    with (
        tempfile.TemporaryDirectory(prefix="penstock-killed-") as folder,
        running_kafka() as kafka,
        running_server(Path(folder) / "data", "server", "--kafka", kafka) as url,
        Client(url) as client,
    ):
        kafka_url = f"kafka://{kafka}"
        client.register(kk_briefly, kk_for_long)
        with Worker(kk_unsaid, kk_said, url=kafka_url, slots=SLOTS):
            for number in range(rounds):
                way = (UNSAID, SAID)[number % 2]
                took_s[way] += (found := one_round(client, kafka_url, Path(folder), way))
                print(
                    f"{number + 1}: {len(found)} tasks, {found[0]:.2f} to {found[-1]:.2f} s",
                    flush=True,
                )
    every = took_s[UNSAID] + took_s[SAID]
    if rounds > 1:
        print(told("had not said that it has begun", (rounds + 1) // 2, took_s[UNSAID]))
        print(told("had said so, and given signs", rounds // 2, took_s[SAID]))
    print(told("all", rounds, every))
    return 0 if at(every, 0.99) <= ELSEWHERE_S else 1


if __name__ == "__main__":
    sys.exit(main())
