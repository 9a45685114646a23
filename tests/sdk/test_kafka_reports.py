"""What a worker over Kafka says while the log refuses it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from confluent_kafka import admin as _admin

from penstock import TaskContext, Worker, task
from penstock.core.state.transitions import TaskStatus
from tests.kafka_broker import Broker
from tests.sdk.kafka_tasks import tasks_of
from tests.sdk.test_kafka_worker import wait_until

pytestmark = pytest.mark.timeout(150)

admin: Any = _admin
COME_S = 60.0
WITH_RIGHTS = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "true",
}
CALLS: list[str] = []


@task
def kr_text(ctx: TaskContext, chars: int) -> str:
    CALLS.append(ctx.guid)
    return "x" * chars


@pytest.fixture(autouse=True)
def _anew() -> None:
    CALLS.clear()


@contextmanager
def denied(bootstrap: str, topic: str) -> Iterator[None]:
    """Nobody may write it, and all may read it."""
    client = admin.AdminClient({"bootstrap.servers": bootstrap})
    of_topic = admin.ResourceType.TOPIC, topic, admin.ResourcePatternType.LITERAL
    may, may_not = admin.AclPermissionType.ALLOW, admin.AclPermissionType.DENY
    rights = [
        admin.AclBinding(*of_topic, "User:ANONYMOUS", "*", admin.AclOperation.ALL, may),
        admin.AclBinding(*of_topic, "User:ANONYMOUS", "*", admin.AclOperation.WRITE, may_not),
    ]
    for made in client.create_acls(rights).values():
        made.result(30)
    yield
    every = admin.AclOperation.ANY, admin.AclPermissionType.ANY
    those = admin.AclBindingFilter(*of_topic, None, None, *every)
    for gone in client.delete_acls([those]).values():
        gone.result(30)


def test_a_report_that_is_denied_is_sent_until_it_is_let_through(
    cluster_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Its worker keeps its place in the log until then: nothing is lost, and nothing run again."""
    with (
        Broker(heap_mib=384, settings=WITH_RIGHTS) as broker,
        tasks_of(broker.bootstrap, cluster_name, kr_text) as tasks,
    ):
        tasks.make_commands()
        with Worker(kr_text, url=tasks.url):
            tasks.put({"chars": 1})
            wait_until(lambda: len(tasks.reports()) == 1 and tasks.mark() == 1, COME_S)
            with denied(broker.bootstrap, tasks.commands):
                tasks.put(*({"chars": 1} for _ in range(3)))
                wait_until(lambda: len(CALLS) == 4 and "DENIED" in caplog.text, COME_S)
                assert (len(tasks.reports()), tasks.mark()) == (1, 1)
            wait_until(lambda: len(tasks.reports()) == 4 and tasks.mark() == 4, COME_S)
            tasks.put({"chars": 1})
            wait_until(lambda: len(tasks.reports()) == 5 and tasks.mark() == 5, COME_S)
    assert sorted(CALLS) == ["0", "1", "2", "3", "4"]


def test_a_report_that_the_log_finds_too_large_says_less(
    kafka_bootstrap: str, cluster_name: str
) -> None:
    """As over HTTP; and those that come with it say all that they have to say."""
    with tasks_of(kafka_bootstrap, cluster_name, kr_text) as tasks:
        tasks.make_commands(max_message_bytes="20000")
        small = [{"chars": 100 + number} for number in range(40)]
        tasks.put(*small[:20], {"chars": 50_000}, *small[20:])
        with Worker(kr_text, url=tasks.url):
            wait_until(lambda: len(tasks.reports()) == 41 and tasks.mark() == 41, COME_S)
        reports = tasks.reports()
    large = reports.pop("20")
    assert (large.status, large.output) == (TaskStatus.TASK_OUTPUT_SERIALIZING_ERROR, None)
    assert "TOO_LARGE" in (large.error or "")
    assert {one.status for one in reports.values()} == {TaskStatus.TASK_SUCCESS}
    outputs = [one.output for one in reports.values()]
    assert sorted(map(len, map(str, outputs))) == [one["chars"] for one in small]
