"""Clients and workers that do not give up: each sends a command until it is acknowledged, to
whatever node answers, and notes what it was told.

A run of theirs is a task and then an event: three commands. Each client has a partition of its own,
so that a partition that does not answer shows as a gap of its own.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import httpx
from msgspec import Struct

from penstock.core.ids import partition_of_run
from tests.controls import chain, event, output_of, task
from tests.crash.server import LOST, Server

SPEC, TASK, EVENT = "chaos", "chaos-work", "go"
TASK_TIMEOUT_MS = 4_000
PAUSE_S = 0.02
TRY_TIMEOUT_S = 15.0
GIVE_UP_S = 90.0
AGAIN = (408, 421, 429, 500, 502, 503, 504)


class Ack(Struct, frozen=True):
    """A command that was acknowledged, and when."""

    command: str
    of: str
    position: str
    at_s: float
    repeated: bool

    @property
    def partition(self) -> int:
        """Where it was taken."""
        return int(self.position.partition(":")[0])


def define(server: Server) -> None:
    """What the runs are made of, on all partitions."""
    work = task(TASK, timeout_ms=TASK_TIMEOUT_MS, max_attempts=50)
    spec = chain(work, event(EVENT), returns=output_of("n1"))
    server.accepted("PUT", "/v1/task-defs?wait=all", {"name": TASK})
    server.accepted("PUT", "/v1/external-event-defs?wait=all", {"name": EVENT})
    server.accepted("PUT", "/v1/wf-specs?wait=all", {"name": SPEC, "spec": spec})


class Told(Struct):
    """What clients and workers were told: the commands that were acknowledged, the runs that were
    started, and of each what a worker was told to count, not as a repeat.
    """

    acks: list[Ack] = []
    started: list[str] = []
    outputs: dict[str, set[str]] = {}


class Traffic:
    """`with Traffic(...)`: clients start runs until the block ends, and workers go on until every
    run has ended. The ids of its runs begin with its name.
    """

    def __init__(
        self,
        urls: Sequence[str],
        partitions: int,
        *,
        name: str = "run",
        each: int = 2,
        workers: int = 2,
    ) -> None:
        self.told = Told()
        self.acks, self.started = self.told.acks, self.told.started
        self.faults: list[str] = []
        self._urls = urls
        self._name = name
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._done = threading.Event()
        clients = [(number, client) for number in range(partitions) for client in range(each)]
        self._partitions = partitions
        self._clients = [self._thread(self._start_runs, *one) for one in clients]
        self._workers = [self._thread(self._work, number) for number in range(workers)]

    def __enter__(self) -> Traffic:
        for thread in (*self._clients, *self._workers):
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._over.set()
        _join(self._clients)
        if kind is None:
            self._wait_for_ends()
        self._done.set()
        _join(self._workers)
        assert not self.faults, self.faults

    def until_acknowledged(self, count: int, timeout_s: float = 60.0) -> None:
        """Wait until so many more commands are acknowledged."""
        wanted, deadline = len(self.acks) + count, time.monotonic() + timeout_s
        while len(self.acks) < wanted:
            assert not self.faults, self.faults
            assert time.monotonic() < deadline, f"{wanted - len(self.acks)} are missing"
            time.sleep(0.02)

    def gap_s(self, since_s: float, until_s: float) -> float:
        """The longest time between these two in which some partition acknowledged nothing."""
        longest = 0.0
        for number in range(self._partitions):
            times = [one.at_s for one in self.acks if one.partition == number]
            inside = [at_s for at_s in times if since_s < at_s < until_s]
            edges = [since_s, *sorted(inside), until_s]
            longest = max(longest, *(b - a for a, b in itertools.pairwise(edges)))
        return longest

    def _start_runs(self, partition: int, client: int) -> None:
        with _Voice(self._urls, client + partition) as voice:
            for number in itertools.count():
                if self._over.is_set():
                    return
                name = f"{self._name}-{partition}-{client}-{number}"
                run = _id_on(partition, self._partitions, name)
                body = {"wf_spec": SPEC, "wf_run_id": run}
                with self._lock:
                    self.started.append(run)
                self._acknowledge(voice, "RunWf", run, "/v1/wf-runs", body)
                put = {"wf_run_id": run, "event_def": EVENT, "guid": f"e-{run}"}
                self._acknowledge(voice, "PutExternalEvent", run, "/v1/external-events", put)
                time.sleep(PAUSE_S)

    def _acknowledge(self, voice: _Voice, command: str, run: str, path: str, body: Any) -> None:
        told = voice.say(path, body, f"{command}-{run}")
        self._note(command, run, told)

    def _note(self, command: str, of: str, told: Any) -> None:
        repeated = bool(told.get("repeated"))
        ack = Ack(command, of, told["position"], time.monotonic(), repeated)
        with self._lock:
            self.acks.append(ack)

    def _work(self, number: int) -> None:
        worker = f"w{number}"
        with _Voice(self._urls, number) as voice:
            while not self._done.is_set():
                poll = {"worker": worker, "tasks_max": 10, "wait_ms": 500}
                for one in voice.ask(f"/v1/task-queues/{TASK}/poll", poll):
                    self._report(voice, worker, one)

    def _report(self, voice: _Voice, worker: str, one: Any) -> None:
        """What each worker makes of each attempt is its own: so that two that count would show."""
        run, output = one["wf_run_id"], f"{worker}-{one['guid']}-{one['attempt']}"
        attempt = {name: one[name] for name in ("wf_run_id", "guid", "attempt")}
        body = attempt | {"status": "TASK_SUCCESS", "output": output}
        told = voice.say("/v1/tasks/report", body, f"report-{output}", refused=(409,))
        if told is not None:
            self._note("ReportTask", one["guid"], told)
            with self._lock:
                self.told.outputs.setdefault(run, set()).add(output)

    def _wait_for_ends(self) -> None:
        deadline = time.monotonic() + GIVE_UP_S
        with _Voice(self._urls, 0) as voice:
            for run in self.started:
                while (shown := voice.read(f"/v1/wf-runs/{run}"))["status"] != "COMPLETED":
                    assert time.monotonic() < deadline, f"{run} has not ended: {shown}"
                    assert not self.faults, self.faults
                    time.sleep(0.05)

    def _thread(self, target: Callable[..., None], *given: Any) -> threading.Thread:
        def guarded() -> None:
            try:
                target(*given)
            except Exception as error:  # told by whoever waits, not lost in a thread
                self.faults.append(f"{threading.current_thread().name}: {error!r}")

        return threading.Thread(target=guarded, daemon=True)


class _Voice:
    """Says a thing to one node after the other until one of them has acknowledged it."""

    def __init__(self, urls: Sequence[str], first: int) -> None:
        self._nodes = [httpx.Client(base_url=url, timeout=TRY_TIMEOUT_S) for url in urls]
        self._at = first % len(urls)

    def __enter__(self) -> _Voice:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._nodes:
            one.close()

    def say(self, path: str, body: Any, command_id: str, refused: tuple[int, ...] = ()) -> Any:
        """A command; None if it was refused in a way that counts as an answer."""
        headers = {"Penstock-Command-Id": command_id}
        answer = self._until_answered("POST", path, refused, json=body, headers=headers)
        return answer.json() if answer.is_success else None

    def read(self, path: str) -> Any:
        """A read."""
        return self._until_answered("GET", path).json()

    def ask(self, path: str, body: Any) -> Any:
        """Tasks; none if nobody answers just now."""
        try:
            answer = self._nodes[self._at].post(path, json=body)
        except LOST:
            self._next()
            return []
        if answer.is_success:
            return answer.json()["tasks"]
        assert answer.status_code in AGAIN, answer.text
        self._next()
        return []

    def _until_answered(
        self, method: str, path: str, refused: tuple[int, ...] = (), **more: Any
    ) -> httpx.Response:
        deadline = time.monotonic() + GIVE_UP_S
        last = ""
        while time.monotonic() < deadline:
            try:
                answer = self._nodes[self._at].request(method, path, **more)
            except LOST as error:
                last = repr(error)
            else:
                if answer.is_success or answer.status_code in refused:
                    return answer
                assert answer.status_code in AGAIN, f"{method} {path}: {answer.text}"
                last = answer.text
            self._next()
        raise AssertionError(f"{method} {path} is not answered: {last}")

    def _next(self) -> None:
        self._at = (self._at + 1) % len(self._nodes)
        time.sleep(0.05)


def _id_on(number: int, partitions: int, name: str) -> str:
    """An id on this partition."""
    ids = (f"{name}-{n}" for n in itertools.count())
    return next(one for one in ids if partition_of_run(one, partitions) == number)


def _join(threads: Sequence[threading.Thread]) -> None:
    for thread in threads:
        thread.join(GIVE_UP_S + TRY_TIMEOUT_S)
        assert not thread.is_alive(), "a client has not come back"
