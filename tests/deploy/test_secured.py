"""The engine's start commands on a Kafka with TLS, passwords and rights, as compose.secure.yaml has
them; and what a trusted worker's credential reaches there, and what it does not.
"""

from __future__ import annotations

import os
import re
import shlex
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka import admin as _admin

from penstock import Client, Worker, task, workflow
from penstock.builtin.tasks import BuiltinTasks
from penstock.cli import main
from penstock.config import API_KEY_VARIABLE, CA_VARIABLE
from penstock.contracts.topics import Topics
from penstock.sdk import credential
from tests.chaos.scene import until
from tests.deploy.composed import BIN
from tests.deploy.described import ROOT, SECURE, WORKER, compose, started
from tests.deploy.secured import Secured, secured

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]

admin: Any = _admin
Capture = pytest.CaptureFixture[str]
PAGE = ROOT / "docs" / "DEPLOY.md"
CLUSTER = "penstock"
TOPICS = Topics(CLUSTER, 4)
OWN = TOPICS.task("default", "dp_double")
DENIED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
}
ASK_S = 60.0
builtin = BuiltinTasks()


@task
def dp_double(x: int) -> int:
    return 2 * x


@task
def dp_other(x: int) -> int:
    return x


@workflow
def dp_twice(x: int) -> int:
    return dp_double(x)


@workflow
def dp_else(x: int) -> int:
    return dp_other(x)


@workflow
def dp_told(text: str) -> str | None:
    return builtin.return_(text).value


@pytest.mark.fault(40)
@pytest.mark.drill("a certificate is renewed")
def test_a_cluster_whose_kafka_asks_who_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """One test: of several, each process of a run would start a cluster. What it shows, the names
    of its steps say; they stand in this order below.
    """
    with secured(tmp_path, "default:dp_double") as place:
        monkeypatch.setenv(CA_VARIABLE, str(place.ca))
        monkeypatch.setenv(API_KEY_VARIABLE, place.admin_key)
        with Client(place.nodes["engine-1"].url) as client:
            nodes_and_a_trusted_worker_do_their_work(place, client, tmp_path)
            the_worker_of_built_in_tasks_has_a_key_as_the_page_says(place, client, capsys)
            a_key_for_metrics_is_made_as_the_page_says(client, capsys)
            a_trusted_worker_reaches_its_tasks_and_commands_alone(place, client)
            a_trusted_worker_may_do_nothing_else(place)
            an_auditor_reads_events_and_before_he_is_let_nothing(place, tmp_path)
            nobody_comes_in_with_another_password_or_without_tls(place)
            kafka_s_health_check_is_content(place, tmp_path)
        a_certificate_is_renewed_at_a_restart_and_old_and_new_go_together(place)
        a_stop_ends_within_its_grace_and_the_others_go_on(place)


def nodes_and_a_trusted_worker_do_their_work(place: Secured, client: Client, folder: Path) -> None:
    """The worker is that of worker.yaml."""
    client.register(dp_twice)
    (folder / "work").mkdir()
    (folder / "work" / "tasks.py").write_text(TASKS)
    described = compose(WORKER, {"WORKER_FOLDER": "/shop"})["services"]["worker"]
    words, environment = place.here.started(started(described))
    with running(words, folder / "work", environment):
        assert client.run(dp_twice, x=4).result(timeout=60) == 8
    urls = {node.url for node in place.nodes.values()}
    with httpx.Client(**credential.options(client.url)) as http:
        until(lambda: owners(http) == urls, "each node has a part")


TASKS = "from penstock import task\n\n\n@task\ndef dp_double(x: int) -> int:\n    return 2 * x\n"


@contextmanager
def running(words: list[str], folder: Path, environment: dict[str, str]) -> Iterator[None]:
    """A program of ours, until it is stopped as Docker would."""
    path = {"PATH": f"{BIN}:{os.environ['PATH']}"}
    process = subprocess.Popen(words, cwd=folder, env=environment | path)
    try:
        yield
    finally:
        process.terminate()
        assert process.wait(40) == 0


def the_worker_of_built_in_tasks_has_a_key_as_the_page_says(
    place: Secured, client: Client, capsys: Capture
) -> None:
    """The worker is that of compose.secure.yaml."""
    words, environment = place.here.started(started(compose(SECURE)["services"]["builtin"]))
    environment |= {API_KEY_VARIABLE: key_of("builtin", client, capsys)}
    asked = httpx.Client(**credential.options(client.url))
    with running(words, ROOT, environment), asked:
        until(lambda: asked.get("/v1/task-defs/return").is_success, "it registers its own")
        client.register(dp_told)
        assert client.run(dp_told, text="built in").result(timeout=60) == "built in"


def key_of(name: str, client: Client, capsys: Capture) -> str:
    """A key, made by the command that the page has for this principal."""
    [words] = re.findall(rf"`penstock (keys create {name} .+?)`", PAGE.read_text())
    assert main([*shlex.split(words), "--url", client.url]) == 0
    return capsys.readouterr().out.strip()


def a_certificate_is_renewed_at_a_restart_and_old_and_new_go_together(place: Secured) -> None:
    old = {name: shown_by(node.url, place.ca) for name, node in place.nodes.items()}
    place.renew("engine")
    now = {name: shown_by(node.url, place.ca) for name, node in place.nodes.items()}
    assert now == old, "it is read at the start alone"
    node = place.nodes["engine-1"]
    assert node.stop(STOP_S) == 0
    node.start()
    assert shown_by(node.url, place.ca) not in old.values()
    for asked in place.nodes.values():  # each asks all others, for what they have
        with httpx.Client(**credential.options(asked.url)) as http:
            until(lambda http=http: http.get("/v1/wf-runs").is_success, "all answer to it")


STOP_S = 15.0


def shown_by(url: str, ca: Path) -> str:
    """The certificate with which a node answers."""
    at = urlsplit(url)
    assert at.hostname is not None and at.port is not None
    return ssl.get_server_certificate((at.hostname, at.port), ca_certs=str(ca))


def owners(http: httpx.Client) -> set[str]:
    """Who has partitions."""
    return {one["owner"] for one in http.get("/v1/cluster").json()["partitions"]}


def a_key_for_metrics_is_made_as_the_page_says(client: Client, capsys: Capture) -> None:
    key = key_of("scraper", client, capsys)
    with httpx.Client(**credential.options(client.url, key)) as http:
        assert "penstock_room 1.0" in http.get("/metrics").text
        assert http.get("/v1/wf-runs").status_code == 403


def a_trusted_worker_reaches_its_tasks_and_commands_alone(place: Secured, client: Client) -> None:
    """Of all topics that there are, and all groups."""
    client.register(dp_else)
    client.run(dp_else, x=1)
    with Client(client.url, tenant="shop") as shop:
        shop.register(dp_twice)
        shop.run(dp_twice, x=1)
    others = {TOPICS.task("default", "dp_other"), TOPICS.task("shop", "dp_double")}
    topics = topics_with(place, others | {OWN})
    fixed = {settings.name for settings in TOPICS.fixed()}
    assert topics >= fixed | others | {OWN, "__consumer_offsets"}

    settings = clients_of(place, "worker")
    assert {name for name in topics if may_write(settings, name)} == {TOPICS.commands}
    assert {name for name in topics if may_read(settings, name)} == {OWN, TOPICS.worker_signals}
    groups = [OWN, f"{CLUSTER}.engine", f"{CLUSTER}-audit", "penstock.tail", "anything", *others]
    assert [group for group in groups if may_join(settings, group)] == [OWN]


def a_trusted_worker_may_do_nothing_else(place: Secured) -> None:
    """It neither makes nor changes nor deletes anything, not even what it works with."""
    asked = admin.AdminClient(clients_of(place, "worker"))
    for name, ask in everything_else(asked).items():
        told = answers(ask)
        assert told and told <= DENIED, f"{name}: {told}"
    for words in SEES:  # librdkafka tells nobody that these are refused
        assert "ClusterAuthorizationException" in place.refused_by_kafka("worker", *words), words
    producer = Producer({**clients_of(place, "worker"), "transactional.id": f"{CLUSTER}.worker"})
    with pytest.raises(KafkaException) as raised:
        producer.init_transactions(ASK_S)
    assert raised.value.args[0].code() in DENIED


SEES = (
    ("kafka-acls.sh", "--list"),
    ("kafka-configs.sh", "--describe", "--entity-type", "users"),
)


def an_auditor_reads_events_and_before_he_is_let_nothing(place: Secured, tmp_path: Path) -> None:
    settings = place.settings_of("worker") | {"sasl.username": "auditor", "sasl.password": "a" * 24}
    conf = tmp_path / "auditor.conf"
    conf.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    place.script("user.sh", str(conf))
    asked = {"bootstrap.servers": place.kafka, **settings}
    topics = topics_with(place, {TOPICS.events})
    assert not [name for name in topics if may_read(asked, name) or may_write(asked, name)]
    place.script("acls.sh", "auditor", "auditor")
    deadline = time.monotonic() + ASK_S  # the broker hears of a rule a moment later
    while not may_read(asked, TOPICS.events):
        assert time.monotonic() < deadline
    assert [name for name in topics if may_read(asked, name)] == [TOPICS.events]
    assert not [name for name in topics if may_write(asked, name)]
    assert may_join(asked, f"{CLUSTER}-audit", TOPICS.events)


def nobody_comes_in_with_another_password_or_without_tls(place: Secured) -> None:
    settings = clients_of(place, "worker")
    assert admin.AdminClient(settings).list_topics(timeout=ASK_S).topics
    unknown = {KafkaError._AUTHENTICATION}
    cut_off = {KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN}
    for wrong, codes in (
        ({"sasl.password": "guessed"}, unknown),
        ({"sasl.username": "nobody"}, unknown),
        ({"security.protocol": "SASL_PLAINTEXT"}, cut_off),
        ({"security.protocol": "SSL"}, cut_off),
    ):
        told: list[KafkaError] = []
        turned_away = Producer(settings | wrong | {"error_cb": told.append, "log_level": 2})
        deadline = time.monotonic() + ASK_S
        while not codes & {error.code() for error in told}:
            assert time.monotonic() < deadline, told
            turned_away.poll(0.1)


def kafka_s_health_check_is_content(place: Secured, tmp_path: Path) -> None:
    words = compose(SECURE)["services"]["kafka"]["healthcheck"]["test"]
    assert words[0] == "CMD"
    script = tmp_path / "check.sh"
    script.write_text(place.here.text(" ".join(words[1:])).replace("/opt/kafka/bin", "$KAFKA_BIN"))
    assert "ApiVersion" in place.script(str(script))


def a_stop_ends_within_its_grace_and_the_others_go_on(place: Secured) -> None:
    """The last one: it takes a node away."""
    grace_s = float(compose(SECURE)["services"]["engine-1"]["stop_grace_period"].removesuffix("s"))
    assert place.nodes["engine-1"].stop(grace_s) == 0
    with Client(place.nodes["engine-2"].url) as other:
        settings = place.settings_of("worker")
        with Worker(dp_twice, url=f"kafka://{place.kafka}", kafka_settings=settings):
            assert other.run(dp_twice, x=5).result(timeout=60) == 10


def clients_of(place: Secured, user: str) -> dict[str, str]:
    """Settings of a user's clients."""
    return {"bootstrap.servers": place.kafka, **place.settings_of(user)}


def topics_with(place: Secured, wanted: set[str]) -> set[str]:
    """All topics, once these are there. Groups are known to the broker then, too."""
    asked = admin.AdminClient(place.admin)
    deadline = time.monotonic() + ASK_S
    while not wanted <= (found := set(asked.list_topics(timeout=ASK_S).topics)):
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return found


def may_write(settings: Mapping[str, str], topic: str) -> bool:
    """Whether the broker takes a record; any other error than a refusal is one of the test's."""
    told: list[KafkaError | None] = []
    producer = Producer({**settings, "message.timeout.ms": int(ASK_S * 1_000)})
    producer.produce(topic, b"", key=b"k", on_delivery=lambda error, _: told.append(error))
    assert producer.flush(ASK_S + 5) == 0
    return _is_let(told[0])


def may_read(settings: Mapping[str, str], topic: str) -> bool:
    """Whether the broker shows a topic, and gives records or says that there are none."""
    more = {"group.id": "none", "enable.auto.commit": False, "enable.partition.eof": True}
    consumer = Consumer({**settings, **more})
    try:
        if not _is_let(consumer.list_topics(topic, timeout=ASK_S).topics[topic].error):
            return False
        consumer.assign([TopicPartition(topic, 0, 0)])
        while True:
            message = consumer.poll(ASK_S)
            assert message is not None, f"{topic}: no answer"
            error = message.error()
            if error is None or error.code() == KafkaError._PARTITION_EOF:
                return True
            # The client looks for a group's coordinator, though nothing is asked of it here.
            if error.code() != KafkaError.GROUP_AUTHORIZATION_FAILED:
                return _is_let(error)
    finally:
        consumer.close()


def may_join(settings: Mapping[str, str], group: str, topic: str = OWN) -> bool:
    """Whether the broker takes a member into a group."""
    joined: list[object] = []
    consumer = Consumer({**settings, "group.id": group})
    try:
        consumer.subscribe([topic], on_assign=lambda _, given: joined.append(given))
        deadline = time.monotonic() + ASK_S
        while not joined:
            assert time.monotonic() < deadline, f"{group}: no answer"
            message = consumer.poll(0.2)
            error = None if message is None else message.error()
            if error is not None and not _is_let(error):
                return False
        return True
    finally:
        consumer.close()


def _is_let(error: KafkaError | None) -> bool:
    assert error is None or error.code() in DENIED, error
    return error is None


def answers(ask: Callable[[], Any]) -> set[int | None]:
    """The codes of all answers; None for what was done."""
    asked = ask()
    told: set[int | None] = set()
    for one in asked.values() if isinstance(asked, dict) else [asked]:
        try:
            one.result(ASK_S)
            told.add(None)
        except KafkaException as raised:
            told.add(raised.args[0].code())
    return told


def everything_else(asked: Any) -> dict[str, Callable[[], Any]]:
    """What an administrator could ask for, about what a worker has to do with."""
    topic = admin.ConfigResource(admin.ResourceType.TOPIC, OWN)
    broker = admin.ConfigResource(admin.ResourceType.BROKER, "1")
    change = admin.ConfigEntry(
        "retention.ms", "1", incremental_operation=admin.AlterConfigOpType.SET
    )
    changed = admin.ConfigResource(admin.ResourceType.TOPIC, OWN, incremental_configs=[change])
    rule = admin.AclBinding(
        *(admin.ResourceType.TOPIC, CLUSTER, admin.ResourcePatternType.PREFIXED, "User:worker"),
        *("*", admin.AclOperation.ALL, admin.AclPermissionType.ALLOW),
    )
    any_rule = admin.AclBindingFilter(
        *(admin.ResourceType.ANY, None, admin.ResourcePatternType.ANY, None, None),
        *(admin.AclOperation.ANY, admin.AclPermissionType.ANY),
    )
    password = admin.UserScramCredentialUpsertion(
        "engine", admin.ScramCredentialInfo(admin.ScramMechanism.SCRAM_SHA_512, 4_096), b"taken"
    )
    return {
        "make a topic": lambda: asked.create_topics([admin.NewTopic(f"{CLUSTER}.tasks.x", 1, 1)]),
        "delete its topic": lambda: asked.delete_topics([OWN]),
        "add partitions": lambda: asked.create_partitions([admin.NewPartitions(OWN, 99)]),
        "delete records": lambda: asked.delete_records([TopicPartition(OWN, 0, 1)]),
        "delete commands": lambda: asked.delete_records([TopicPartition(TOPICS.commands, 0, 1)]),
        "see settings": lambda: asked.describe_configs([topic]),
        "see a broker's": lambda: asked.describe_configs([broker]),
        "change settings": lambda: asked.incremental_alter_configs([changed]),
        "make rules": lambda: asked.create_acls([rule]),
        "delete rules": lambda: asked.delete_acls([any_rule]),
        "change a password": lambda: asked.alter_user_scram_credentials([password]),
        "delete its group": lambda: asked.delete_consumer_groups([OWN]),
        "see the engine's group": lambda: asked.describe_consumer_groups([f"{CLUSTER}.engine"]),
    }
