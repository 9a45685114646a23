"""Worker: runs tasks for the engine, over Kafka or over HTTP, within its slots."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping
from types import FrameType, TracebackType
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from penstock.config import (
    CLUSTER_DEFAULT,
    KAFKA_CONFIG_VARIABLE,
    kafka_settings_default,
    url_default,
)
from penstock.contracts.wire import TENANT_DEFAULT
from penstock.sdk import api
from penstock.sdk.register import tasks_of
from penstock.sdk.runner import Runner
from penstock.sdk.secret import SecretProvider, from_environment
from penstock.sdk.task import TaskDef
from penstock.sdk.workflow import Workflow

GRACE_S: Final = 25.0
LEAVE_S: Final = 1.0  # for functions to stop that were asked to
REPORTS_S: Final = 5.0  # to have the last reports acknowledged, at least
STARTED_AFTER_S: Final = 0.5
NAME_CHARS_MAX: Final = 256

logger = logging.getLogger("penstock.worker")


class Source(Protocol):
    """Where tasks come from and reports go to."""

    def start(self) -> None:
        """Begin to take tasks, and give them to the runner."""
        ...

    def stop_taking(self) -> None:
        """Take no task any more; return when none will come."""
        ...

    def close(self, timeout_s: float) -> int | None:
        """Wait for the reports that are under way, and let go; how many are lost, if it knows."""
        ...


class Worker:
    """Runs the functions of tasks. `url` is `http://host:port`, or
    `kafka://host:port[,host:port][/cluster]`; without it, what PENSTOCK_URL says, or the server on
    this machine.

    `slots` is how many sync functions run at once, and how many async ones. A worker of workflows
    runs all their tasks. It reconnects by itself. `secret_provider` gives the secrets that tasks
    want, by name; without one they are environment variables, PENSTOCK_SECRET_<NAME>. `api_key` is
    the credential over HTTP; without it that of PENSTOCK_API_KEY is taken. Without a `tenant` it is
    the one that the key is for, or `default`. `kafka_settings` are
    librdkafka's, such as those of SASL and TLS; without them those are taken that are in the file
    which PENSTOCK_KAFKA_CONFIG names.

    >>> with Worker(greeting, url=url, slots=4):
    ...     client.run(greeting, name="Ada").result(timeout=30)
    'Hello, Ada'
    """

    def __init__(
        self,
        *tasks: TaskDef[..., Any] | Workflow[..., Any],
        url: str | None = None,
        slots: int = 10,
        name: str | None = None,
        tenant: str | None = None,
        api_key: str | None = None,
        started_after_s: float = STARTED_AFTER_S,
        secret_provider: SecretProvider = from_environment,
        kafka_settings: Mapping[str, str] | None = None,
    ) -> None:
        if slots < 1:
            raise ValueError(f"slots={slots}: a worker has at least one")
        self.name = (name or _own_name())[:NAME_CHARS_MAX]
        self.url = _checked_url(url or url_default())
        self.tenant = tenant
        self._api_key = api_key
        self._kafka_settings = _kafka_settings(self.url, kafka_settings)
        self.tasks = _tasks_by_name(tasks)
        self._slots = slots
        self._secret_provider = secret_provider
        self._started_after_s = started_after_s
        self._running: tuple[Source, Runner] | None = None
        self._lets_go = _never

    def __enter__(self) -> Worker:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()

    def run(self, *, grace_s: float = GRACE_S) -> None:
        """Work until SIGTERM or SIGINT: then take nothing more, finish what runs within the grace,
        ask what does not end to stop, hand it back, and return.

        A second signal ends the grace; SIGHUP leaves none. The last reports have what is left of
        it, and five seconds whatever happens.
        """
        ending = threading.Event()
        hurry = threading.Event()

        def end(number: int, _frame: FrameType | None) -> None:
            if ending.is_set() or number == signal.SIGHUP:
                hurry.set()
            ending.set()

        numbers = signal.SIGTERM, signal.SIGINT, signal.SIGHUP
        before = {number: signal.signal(number, end) for number in numbers}
        try:
            self.start()
            ending.wait()
            logger.info("%s drains for up to %g s", self.name, grace_s)
            self.stop(grace_s=grace_s, hurry=hurry.is_set)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def start(self) -> None:
        """Begin to work, in threads of its own. Over Kafka it raises a LogError for settings with
        which nobody could.
        """
        if self._running is not None:
            raise RuntimeError(f"{self.name} runs already")
        runner = Runner(
            self._slots, started_after_s=self._started_after_s, secrets=self._secret_provider
        )
        source = self._source(runner)
        tasks = self.tasks.values()
        runner.start(
            with_loop=any(task.is_async for task in tasks),
            with_threads=not all(task.is_async for task in tasks),
        )
        try:
            source.start()
        except BaseException:
            runner.stop()
            raise
        self._running = source, runner

    def stop(self, *, grace_s: float = GRACE_S, hurry: Callable[[], bool] | None = None) -> bool:
        """Take nothing more, finish what runs, report it, and let go. False if something did not
        end in time: it is asked to stop, and handed back. Its TaskDef says whether it is done again
        (`idempotent`). False, too, if over HTTP a report was not answered in time.
        """
        if self._running is None:
            return True
        (source, runner), self._running = self._running, None
        deadline = time.monotonic() + grace_s
        source.stop_taking()
        hurries = hurry or _never
        while not (done := runner.wait(0.1)) and time.monotonic() < deadline:
            if hurries():
                break
        if not done:
            logger.warning("%s hands back tasks: %d", self.name, runner.unfinished)
            runner.leave(LEAVE_S)
        closing_s = time.monotonic()
        self._lets_go = lambda: hurries() and time.monotonic() - closing_s >= REPORTS_S
        left_s = 0.0 if hurries() else deadline - closing_s
        lost = source.close(max(REPORTS_S, left_s))
        runner.stop()
        return done and not lost

    def _source(self, runner: Runner) -> Source:
        parts = urlsplit(self.url)
        if parts.scheme != "kafka":
            from penstock.sdk.http_source import HttpSource

            return HttpSource(
                self.url,
                self.tenant or "",
                self.name,
                self.tasks,
                runner,
                self._api_key,
                lambda: self._lets_go(),
            )
        from penstock.sdk.kafka_source import KafkaSource

        cluster = parts.path.strip("/") or CLUSTER_DEFAULT
        return KafkaSource(
            parts.netloc,
            self._kafka_settings,
            cluster,
            self.tenant or TENANT_DEFAULT,
            self.name,
            self.tasks,
            runner,
        )


def _never() -> bool:
    return False


def _tasks_by_name(
    given: tuple[TaskDef[..., Any] | Workflow[..., Any], ...],
) -> dict[str, TaskDef[..., Any]]:
    tasks: dict[str, TaskDef[..., Any]] = {}
    for one in given:
        for task in tasks_of(one):
            known = tasks.setdefault(task.name, task)
            if known.function is not task.function:
                raise ValueError(f"two tasks are named {task.name!r}: {known.where}, {task.where}")
    if not tasks:
        raise ValueError("a worker needs a task to work on")
    return tasks


def _checked_url(url: str) -> str:
    """The address, or ValueError for what is none: better said at once than in the log."""
    parts = urlsplit(url)
    if parts.scheme != "kafka":
        return api.checked_url(url)
    if not parts.netloc:
        raise ValueError(f"{url!r} is no address; it looks like kafka://127.0.0.1:9092")
    return url


def _kafka_settings(url: str, given: Mapping[str, str] | None) -> Mapping[str, str]:
    """What is given, or what is in the file that the environment names; ValueError if that is no
    such file.
    """
    if given is not None or urlsplit(url).scheme != "kafka":
        return given or {}
    try:
        return kafka_settings_default()
    except (OSError, ValueError) as error:
        raise ValueError(f"{KAFKA_CONFIG_VARIABLE}: {error}") from error


def _own_name() -> str:
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
