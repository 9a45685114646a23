"""The worker of the engine's own tasks: registers them, and works on them like any other worker."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import urlsplit

from penstock.builtin.addresses import allowed_of
from penstock.builtin.keys import KeyFile, KeyFileError
from penstock.builtin.outbound import PORTS_DEFAULT, TIMEOUT_S_MAX, Outbound
from penstock.builtin.tasks import BuiltinTasks
from penstock.config import CLUSTER_DEFAULT, BuiltinConfig
from penstock.contracts.wire import TENANT_DEFAULT
from penstock.sdk.client import Client
from penstock.sdk.kafka_client import CommandSender
from penstock.sdk.worker import Worker

REGISTER_DEADLINE_S: Final = 60.0  # a server that starts at the same time may need its time


class CannotWork(Exception):
    """The worker can not begin; the message says what to change."""


def run(
    config: BuiltinConfig, url: str, *, tenant: str | None, slots: int, tell: Callable[[str], None]
) -> None:
    """Work until a signal. Raises CannotWork or a PenstockError before it begins."""
    tasks = make_tasks(config)
    worker = make_worker(tasks, url, tenant=tenant, slots=slots)
    register(tasks, url, tenant=tenant, deadline_s=REGISTER_DEADLINE_S)
    whose = f", tenant {tenant}" if tenant else ""
    tell(f"penstock built-in worker {worker.name}{whose}, at {url}; Ctrl-C stops")
    worker.run()


def make_tasks(config: BuiltinConfig) -> BuiltinTasks:
    """The tasks with what the configuration allows, or CannotWork."""
    if not 0 < config.timeout_s <= TIMEOUT_S_MAX:
        raise CannotWork(f"a request may take up to {TIMEOUT_S_MAX:g} s, not {config.timeout_s:g}")
    try:
        allowed = allowed_of(config.allow)
        keys = KeyFile(config.secrets)
    except (ValueError, KeyFileError) as error:
        raise CannotWork(str(error)) from error
    ports = PORTS_DEFAULT | _ports(config.allow_ports)
    return BuiltinTasks(Outbound(allowed=allowed, ports=ports, timeout_s=config.timeout_s), keys)


def make_worker(tasks: BuiltinTasks, url: str, *, tenant: str | None, slots: int) -> Worker:
    """A worker that has not begun, or CannotWork."""
    try:
        return Worker(*tasks.all, url=url, tenant=tenant, slots=slots)
    except ValueError as error:
        raise CannotWork(str(error)) from error


def register(tasks: BuiltinTasks, url: str, *, tenant: str | None, deadline_s: float) -> None:
    """Register the TaskDefs; what is registered already stays. Over Kafka nobody answers: a name
    that is taken by another TaskDef shows in the cluster's events.
    """
    parts = urlsplit(url)
    if parts.scheme == "kafka":
        cluster = parts.path.strip("/") or CLUSTER_DEFAULT
        with CommandSender(
            parts.netloc, cluster=cluster, tenant=tenant or TENANT_DEFAULT
        ) as sender:
            for task in tasks.all:
                sender.send(task.definition)
            sender.flush(deadline_s)
        return
    with Client(_checked(url), tenant=tenant, deadline_s=deadline_s) as client:
        client.register(*tasks.all)


def _checked(url: str) -> str:
    if urlsplit(url).scheme not in ("http", "https"):
        raise CannotWork(f"--url {url!r}: use http://HOST:PORT or kafka://HOST:PORT[/CLUSTER]")
    return url


def _ports(texts: Iterable[str]) -> frozenset[int]:
    for text in texts:
        if not text.isdecimal() or not 0 < int(text) < 65_536:
            raise CannotWork(f"{text!r} is no port")
    return frozenset(int(text) for text in texts)
