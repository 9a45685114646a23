"""R7 on real Kafka: what a broker refuses for good is told with its reason, and its partition goes
on (I5). The broker has an authorizer and topics whose settings were changed behind our back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka import admin as _admin

from penstock.core.state.outputs import ScheduledTask
from penstock.core.state.run import TaskRun
from penstock.core.state.transitions import TaskStatus
from penstock.log.kafka import KafkaEngineLog
from penstock.log.port import AppendRefused, LogFatal, Message, Refused
from penstock.processor import held_tasks
from tests.contract.logs import KafkaLogs
from tests.controls import a_task_def, chain, literal, task
from tests.kafka_broker import Broker
from tests.scenarios.driver import Driver, kafka_driver
from tests.scenarios.story import Story, register, run

admin: Any = _admin
HEAP_MIB = 384
WAIT_S = 30.0
LETTERS = 40
PROBE = b"?"
pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def guarded() -> Iterator[str]:
    """A broker that asks whether one may, and lets everybody where nothing is said."""
    settings = {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "true",
    }
    with Broker(heap_mib=HEAP_MIB, settings=settings) as own:
        yield own.bootstrap


@pytest.fixture
def guarded_logs(guarded: str, cluster_name: str) -> Iterator[KafkaLogs]:
    made = KafkaLogs(cluster_name, guarded)
    yield made
    made.close()


@pytest.fixture
def engine(guarded: str, cluster_name: str, tmp_path: Path) -> Iterator[Driver]:
    with kafka_driver(tmp_path, guarded, cluster_name, partitions=1) as made:
        yield made
        assert made.processor.failure is None
        assert made.digests_and_refolds_agree()


class Topic:
    """What its administrators do to a topic."""

    def __init__(self, bootstrap: str, name: str) -> None:
        self._bootstrap = bootstrap
        self._admin = admin.AdminClient({"bootstrap.servers": bootstrap})
        self._name = name

    def set(self, setting: str, value: str) -> None:
        """Change a setting, and wait until the broker says that it is so."""
        entry = admin.ConfigEntry(setting, value, incremental_operation=admin.AlterConfigOpType.SET)
        wanted = admin.ConfigResource(
            admin.ResourceType.TOPIC, self._name, incremental_configs=[entry]
        )
        self._admin.incremental_alter_configs([wanted])[wanted].result(10)
        asked = admin.ConfigResource(admin.ResourceType.TOPIC, self._name)
        until(
            lambda: self._admin.describe_configs([asked])[asked].result(10)[setting].value == value
        )

    def forbid_writing(self) -> None:
        """Let everybody do all but write."""
        for rule in (self._rule("ALL", "ALLOW"), self._rule("WRITE", "DENY")):
            self._admin.create_acls([rule])[rule].result(10)
        until(lambda: not self._takes())

    def forbid_looking(self) -> None:
        """Let nobody know that it is there."""
        rule = self._rule("ALL", "DENY")
        self._admin.create_acls([rule])[rule].result(10)

    def allow_all(self) -> None:
        """Nothing is said about it any more."""
        for rule in (self._rule("WRITE", "DENY"), self._rule("ALL", "ALLOW")):
            asked = admin.AclBindingFilter(
                rule.restype,
                rule.name,
                rule.resource_pattern_type,
                rule.principal,
                rule.host,
                rule.operation,
                rule.permission_type,
            )
            self._admin.delete_acls([asked])[asked].result(10)
        until(self._takes)

    def _rule(self, operation: str, permission: str) -> Any:
        return admin.AclBinding(
            admin.ResourceType.TOPIC,
            self._name,
            admin.ResourcePatternType.LITERAL,
            "User:ANONYMOUS",
            "*",
            getattr(admin.AclOperation, operation),
            getattr(admin.AclPermissionType, permission),
        )

    def _takes(self) -> bool:
        """Whether a record is taken there: one that no worker can read, and passes over."""
        failed: list[object] = []
        client = Producer({"bootstrap.servers": self._bootstrap})
        client.produce(self._name, PROBE, on_delivery=lambda error, _: failed.append(error))
        client.flush(10)
        return len(failed) == 1 and failed[0] is None


def until(holds: Callable[[], bool]) -> None:
    """Wait for what a broker, or the engine, gets to by itself."""
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline, "it has not come about"
        time.sleep(0.05)


def tasks_on(driver: Driver, name: str, count: int) -> list[ScheduledTask]:
    """The tasks of a topic that are for a run that has not ended, between what we have tried."""
    found: list[ScheduledTask] = []
    with closing(driver.log.consumer(driver.topics.task("default", name), "looks")) as consumer:

        def all_there() -> bool:
            for record in consumer.poll(100, 0.2):
                if record.value != PROBE:
                    found.append(driver._task(record))
            return len(found) > count  # the first one is of the run that made the topic

        until(all_there)
    return found[1:]


def status_of(story: Story) -> TaskStatus:
    [found] = story.driver.scan(TaskRun, story.id)
    return found.status


def ready(driver: Driver, name: str, **settings: Any) -> str:
    """A spec of one task, whose topic is there: a run of it has ended. The topic's name."""
    register(driver, name, chain(task(name, **settings)))
    run(driver, name).task(name).succeeds().completes()
    return driver.topics.task("default", name)


def test_r07_of_a_queue_that_may_not_be_looked_at_nobody_says_that_it_is_empty(
    guarded: str, engine: Driver
) -> None:
    topic = ready(engine, "hidden")
    Topic(guarded, topic).forbid_looking()

    def is_refused() -> bool:
        try:
            engine.log.backlog(topic, "workers")
        except LogFatal as error:
            return topic in str(error)
        return False

    until(is_refused)


def test_r07_a_topic_that_may_not_be_written_holds_its_tasks_and_nobody_elses(
    guarded: str, engine: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dead letter a task, runs of other tasks go on, and with leave the held ones do."""
    monkeypatch.setattr(held_tasks, "LOOK_S", WAIT_S * 10)  # the letters are counted meanwhile
    topic = Topic(guarded, ready(engine, "guarded"))
    register(engine, "free", chain(task("free")))
    topic.forbid_writing()
    held = [run(engine, "guarded") for _ in range(LETTERS)]
    run(engine, "free").task("free").succeeds().completes()
    until(lambda: all(status_of(one) is TaskStatus.TASK_PENDING for one in held))
    letters = engine.dead_letters()
    assert {letter.code for letter in letters} == {"DENIED"}
    # A batch of outputs that is delivered once more brings its letters once more, too.
    assert len({letter.value for letter in letters}) == LETTERS
    topic.allow_all()
    engine.processor._errands.held_tasks._look_s = 0.0
    by_run = {one.id: one for one in held}
    for taken in tasks_on(engine, "guarded", LETTERS):
        by_run.pop(taken.wf_run_id).has(taken).succeeds().completes()
    assert not by_run


def test_r07_a_task_too_large_for_a_limit_that_was_lowered_fails_by_name(
    guarded: str, engine: Driver
) -> None:
    large = task("work", max_attempts=3, inputs={"text": literal("x" * 3_000)})
    small = task("work", inputs={"text": literal("x")})
    definition = a_task_def("work", text="STR")
    register(engine, "large", chain(large), definition)
    register(engine, "small", chain(small), definition)
    run(engine, "small").task("work").succeeds().completes()
    Topic(guarded, engine.topics.task("default", "work")).set("max.message.bytes", "2000")
    run(engine, "large").ends_with("OUTPUT_TOO_LARGE")
    run(engine, "small").task("work").succeeds().completes()
    [letter] = engine.dead_letters()
    assert letter.code == "TOO_LARGE"
    assert letter.value_bytes > 3_000


def test_r07_a_task_whose_record_is_not_valid_there_fails_its_attempt(
    guarded: str, engine: Driver
) -> None:
    """Its topic has the times of its writers now, and takes none that has passed: but for what
    arrives within its millisecond, which is why more than one is tried.
    """
    name = ready(engine, "timed", max_attempts=1)
    register(engine, "other", chain(task("other")))
    topic = Topic(guarded, name)
    topic.set("message.timestamp.before.max.ms", "0")
    topic.set("message.timestamp.type", "CreateTime")

    def is_refused() -> bool:
        run(engine, "timed")
        return bool(engine.dead_letters())

    until(is_refused)
    run(engine, "other").task("other").succeeds().completes()
    letter = engine.dead_letters()[0]
    assert (letter.code, letter.topic) == ("INVALID", name)
    assert "INVALID_TIMESTAMP" in letter.message
    Story(engine, letter.key.decode()).ends_with("TASK_FAILURE")


def test_r07_events_that_are_refused_are_dead_letters_and_no_run_notices(
    guarded: str, engine: Driver
) -> None:
    register(engine, "told", chain(task("told")))
    topic = Topic(guarded, engine.topics.events)
    topic.forbid_writing()
    run(engine, "told").task("told").succeeds().completes()
    until(lambda: len(engine.dead_letters()) > 0)
    assert {(one.code, one.topic) for one in engine.dead_letters()} == {
        ("DENIED", engine.topics.events)
    }


def test_r07_dead_letters_that_are_refused_stop_nobody(guarded: str, engine: Driver) -> None:
    register(engine, "goes-on", chain(task("goes-on")))
    Topic(guarded, engine.topics.dead_letters).forbid_writing()
    for _ in range(3):
        engine.log.append_and_wait(Message(engine.topics.commands, b"k", b"noise"))
    run(engine, "goes-on").task("goes-on").succeeds().completes()
    assert engine.dead_letters() == []


def test_r07_a_record_that_is_not_valid_takes_no_other_of_its_batch_with_it(
    guarded_logs: KafkaLogs,
) -> None:
    """A topic that is compacted takes nothing without a key; the broker refuses the whole batch."""
    log = guarded_logs.open()
    name = f"{guarded_logs.cluster}.tasks.small.compacted"
    log.deliver([Message(name, b"k", b"first")])
    Topic(guarded_logs.bootstrap, name).set("cleanup.policy", "compact")
    sent = [Message(name, b"k%d" % number, b"%d" % number) for number in range(20)]
    sent[7] = Message(name, None, b"7", {}, 0)
    refused = log.deliver(sent)
    assert [(one.message is sent[7], one.code) for one in refused] == [(True, "INVALID")]
    found = [record.value for record in log.read_all(name)]
    assert found[-19:] == [b"%d" % number for number in range(20) if number != 7]
    with pytest.raises(AppendRefused, match="INVALID"):
        log.append_and_wait(sent[7])


def test_r07_what_is_said_of_a_topic_is_not_asked_for_each_of_its_records(
    guarded_logs: KafkaLogs,
) -> None:
    """Thousands may be refused at once, and nobody waits for long."""
    log = guarded_logs.open()
    name = f"{guarded_logs.cluster}.tasks.default.denied"
    log.deliver([Message(name, b"k", b"first")])
    topic = Topic(guarded_logs.bootstrap, name)
    topic.forbid_writing()
    refused = _delivered(log, [Message(name, b"k%d" % number, b"x") for number in range(5_000)])
    assert len(refused) == 5_000
    assert {one.code for one in refused} == {"DENIED"}
    topic.allow_all()
    assert _delivered(log, [Message(name, b"k", b"x")]) == []


def _delivered(log: KafkaEngineLog, sent: list[Message]) -> list[Refused]:
    began_s = time.monotonic()
    refused = log.deliver(sent)
    assert time.monotonic() - began_s < WAIT_S
    return refused
