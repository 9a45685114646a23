"""The compose files: valid by the schema of the Compose Specification, and what they say hangs
together.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest

from penstock import Client, workflow
from penstock.builtin.tasks import BuiltinTasks
from penstock.cli.command import command_parser
from tests.deploy.composed import BIN, Node, kafka_of, nodes_of, run_script
from tests.deploy.described import (
    COMPOSE,
    SECURE,
    WORKER,
    Here,
    compose,
    engines,
    image,
    properties,
    started,
)
from tests.go_tools import COMPOSE as SCHEMA
from tests.go_tools import NoTool, module_folder
from tests.kafka_broker import KAFKA_IMAGE

FILES = [COMPOSE, SECURE]
named = pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)


@pytest.fixture(scope="module")
def valid() -> jsonschema_rs.Validator:
    """The schema, as it lies in the module of Docker's own parser."""
    try:
        folder = module_folder(SCHEMA)
    except NoTool as error:
        pytest.skip(str(error))
    return jsonschema_rs.validator_for(
        json.loads((folder / "schema" / "compose-spec.json").read_text())
    )


@pytest.mark.parametrize("file", [*FILES, WORKER], ids=lambda file: file.name)
def test_a_file_is_valid(file: Path, valid: jsonschema_rs.Validator) -> None:
    described = compose(file, {"WORKER_FOLDER": "/shop"})
    assert [str(one) for one in valid.iter_errors(described)] == []
    next(iter(described["services"].values()))["imagee"] = "x"
    assert not valid.is_valid(described)


@named
def test_there_are_three_nodes_on_a_kafka_in_kraft_mode(file: Path) -> None:
    described = compose(file)
    assert len(engines(described)) == 3
    kafka = described["services"]["kafka"]
    assert kafka["image"] == KAFKA_IMAGE, "the version that is tested with"
    [mounted] = [one for one in kafka["volumes"] if one.partition(":")[2].startswith("/mnt/shared")]
    settings = properties((file.parent / mounted.split(":")[0]).resolve())
    assert settings["process.roles"] == "broker,controller"
    assert settings["log.dirs"] == kafka["volumes"][-1].split(":")[1]
    assert settings["auto.create.topics.enable"] == "false"


@named
def test_nodes_have_no_rights_and_are_told_apart(file: Path) -> None:
    described = compose(file)
    seen: set[str] = set()
    for name, service in engines(described).items():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "user" not in service and "privileged" not in service, "the image's user"
        words = started(service).words
        options = command_parser().parse_args([*readable(words)[1:], "--kafka", "kafka:9092"])
        assert re.fullmatch(rf"https?://{name}:7070", options.advertise)
        [volume] = service["volumes"]
        source, target = volume.split(":")
        assert target == image().volumes[0] and source in described["volumes"]
        assert source not in seen, "a data directory has one node"
        seen.add(source)
        [port] = service["ports"]
        assert port.startswith("127.0.0.1:"), "published on this machine only"


@named
def test_what_a_service_names_is_there(file: Path) -> None:
    described = compose(file)
    for service in described["services"].values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            is_path = source.startswith((".", "/"))
            assert (file.parent / source).exists() if is_path else source in described["volumes"]
        for secret in service.get("secrets", ()):
            assert secret in described["secrets"]
        for other in service.get("depends_on", ()):
            assert other in described["services"]


def test_in_the_secure_one_nothing_goes_in_the_clear() -> None:
    described = compose(SECURE)
    for service in engines(described).values():
        words = started(service).words
        options = command_parser().parse_args([*readable(words)[1:], "--kafka", "kafka:9094"])
        assert options.auth == "on" and options.tls_cert and options.tls_key and options.tls_ca
        assert options.advertise.startswith("https://")
    assert "ports" not in described["services"]["kafka"]
    settings = properties(SECURE.parent.parent / "kafka" / "secure.properties")
    protocols = dict(
        one.split(":") for one in settings["listener.security.protocol.map"].split(",")
    )
    assert protocols == {"CLIENTS": "SASL_SSL", "BROKER": "SSL", "CONTROLLER": "SSL"}


def test_a_worker_stands_beside_the_secure_one() -> None:
    described = compose(SECURE)
    with pytest.raises(KeyError, match="WORKER_FOLDER"):
        compose(WORKER)
    [worker] = compose(WORKER, {"WORKER_FOLDER": "/shop"})["services"].values()
    assert worker["volumes"] == ["/shop:/work:ro"]
    assert set(worker["secrets"]) <= set(described["secrets"])
    assert set(worker["depends_on"]) <= set(described["services"])
    assert worker["read_only"] and worker["cap_drop"] == ["ALL"]
    words, environment = started(worker)
    options = command_parser().parse_args([*words[1:], "--url", environment["PENSTOCK_URL"]])
    assert (options.command, options.modules) == ("worker", ["tasks"])
    assert environment["PENSTOCK_URL"] == f"kafka://{engine_of(described)['PENSTOCK_KAFKA']}"
    file = environment["PENSTOCK_KAFKA_CONFIG"].removeprefix("/run/secrets/")
    assert file in worker["secrets"] and "engine" not in file, "not with the engine's rights"
    assert float(worker["stop_grace_period"].removesuffix("s")) > options.grace_s + 5


def engine_of(described: Any) -> dict[str, str]:
    """The variables of its first node."""
    return next(iter(engines(described).values()))["environment"]


@named
def test_the_worker_of_built_in_tasks_asks_a_node(file: Path) -> None:
    """As it is advertised, so that its certificate is good for it."""
    described = compose(file)
    worker = described["services"]["builtin"]
    options = command_parser().parse_args(started(worker).words[1:])
    assert options.command == "builtin-worker"
    advertised = [
        re.findall(r"https?://[^ ]+", " ".join(started(one).words))
        for one in engines(described).values()
    ]
    assert [options.url] in advertised
    assert worker["read_only"] and worker["cap_drop"] == ["ALL"]
    assert worker["healthcheck"] == {"disable": True}, "the image's asks a server"


def test_in_the_secure_one_it_has_a_key_and_none_of_the_nodes_secrets() -> None:
    described = compose(SECURE)
    worker = described["services"]["builtin"]
    assert worker["profiles"], "it is started once there is a key"
    assert worker["secrets"] == ["ca.crt"]
    assert started(worker).environment["PENSTOCK_TLS_CA"] == "/run/secrets/ca.crt"
    folder = Path(described["secrets"]["ca.crt"]["file"]).parent
    assert Path(worker["env_file"]).parent == folder


def test_the_secrets_are_made_once_and_are_all_that_is_named(tmp_path: Path) -> None:
    script = SECURE.parent / "secrets.sh"
    run_script(script, FOLDER=str(tmp_path / "secrets"))
    first = contents(tmp_path / "secrets")
    run_script(script, FOLDER=str(tmp_path / "secrets"))
    assert contents(tmp_path / "secrets") == first
    named: dict[str, Any] = compose(SECURE)["secrets"]
    assert {Path(one["file"]).name for one in named.values()} <= set(first)
    assert first[Path(compose(SECURE)["services"]["builtin"]["env_file"]).name] == b""
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0
    assert "ssl.ca.location=/run/secrets/ca.crt" in first["engine.conf"].decode()
    passwords = {re.search(rb"sasl.password=(\w{48})", first[f"{u}.conf"]) for u in USERS}
    assert len({found[1] for found in passwords if found}) == len(USERS)


@pytest.mark.kafka
@pytest.mark.deploy_long
def test_the_plain_one_runs(tmp_path: Path) -> None:
    """Its start commands, on a Kafka with its settings."""
    settings = COMPOSE.parent.parent / "kafka" / "plain.properties"
    with ExitStack() as stack:
        places = kafka_of(stack, settings, Here({}), tmp_path)
        nodes = stack.enter_context(nodes_of(compose(COMPOSE), places, tmp_path))
        first, *_, last = nodes.values()
        with httpx.Client(base_url=first.url) as http:
            put = http.put("/v1/task-defs", params={"wait": "all"}, json={"name": "x"})
            assert put.status_code < 300, put.text
        with httpx.Client(base_url=last.url) as http:
            assert http.get("/v1/task-defs/x").status_code == 200
            with builtin_of(compose(COMPOSE), nodes, tmp_path), Client(last.url) as client:
                client.register(cp_told)
                assert client.run(cp_told, text="built in").result(timeout=60) == "built in"


@contextmanager
def builtin_of(described: Any, nodes: Mapping[str, Node], folder: Path) -> Iterator[None]:
    """The worker of built-in tasks, as a process."""
    here = Here({f"http://{name}:7070": node.url for name, node in nodes.items()})
    words, environment = here.started(started(described["services"]["builtin"]))
    environment["PATH"] = f"{BIN}:{os.environ['PATH']}"
    with (folder / "builtin.log").open("ab") as log:
        process = subprocess.Popen(words, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield
    finally:
        process.terminate()
        assert process.wait(40) == 0, (folder / "builtin.log").read_text()


builtin = BuiltinTasks()


@workflow
def cp_told(text: str) -> str | None:
    return builtin.return_(text).value


USERS = ("engine", "worker")


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def readable(words: list[str]) -> list[str]:
    """Words with a file that can be read, where the command line looks into it."""
    return [Here({"/run/secrets/admin.key": "/dev/null"}).text(word) for word in words]
