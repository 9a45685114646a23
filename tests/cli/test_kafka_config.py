"""Settings of Kafka from a file: what is in it is told nobody, not even when it is wrong."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest

from penstock.cli.words import kafka_settings_of
from penstock.config import KAFKA_CONFIG_VARIABLE, read_kafka_settings
from tests.cli.calls import penstock, process


def test_a_line_is_a_setting(tmp_path: Path) -> None:
    path = tmp_path / "kafka.conf"
    path.write_text("# ours\n\nsasl.username = me\nsasl.password=a=b#c\n")
    assert read_kafka_settings(path) == {"sasl.username": "me", "sasl.password": "a=b#c"}


def test_what_the_command_line_says_wins_and_the_rest_of_the_file_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "kafka.conf"
    path.write_text("sasl.username=me\nsocket.timeout.ms=1\n")
    monkeypatch.setenv(KAFKA_CONFIG_VARIABLE, str(path))
    given = Namespace(kafka_settings=[("socket.timeout.ms", "2")])
    assert kafka_settings_of(given) == {"sasl.username": "me", "socket.timeout.ms": "2"}
    none_given = Namespace(kafka_settings=None)
    assert kafka_settings_of(none_given) == {"sasl.username": "me", "socket.timeout.ms": "1"}


@pytest.mark.parametrize(
    ("text", "said"), [("psst", "line 1"), (None, "No such file"), ("=psst", "NAME=VALUE")]
)
def test_a_file_that_is_none_is_told_without_what_is_in_it(
    tmp_path: Path, text: str | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "kafka.conf"
    if text is not None:
        path.write_text(text)
    for arguments in (["--kafka-config-file", str(path)], []):
        ended = penstock("server", "--kafka", "x", *arguments, "--data", str(tmp_path / "data"))
        monkeypatch.setenv(KAFKA_CONFIG_VARIABLE, str(path))  # which the second one is told by
        assert ended.returncode != 0
        assert said in ended.stderr, ended.stderr
        assert "Traceback" not in ended.stderr
        assert "psst" not in ended.stderr


MODULE = """
from penstock import task

@task
def greet() -> None: ...
"""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ssl.ca.locaton=psst", 'No such configuration property: "ssl.ca.locaton"'),
        ("security.protocol=SSL\nssl.ca.location=/psst", "ssl.ca.location failed"),
        ("acks=1", "acks"),  # which readers take, and a writer does not
        ("psst", "line 1"),
        (None, "No such file"),
    ],
)
def test_a_worker_says_what_is_wrong_with_it_and_ends(
    tmp_path: Path, text: str | None, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop.py").write_text(MODULE)
    if text is not None:
        (tmp_path / "kafka.conf").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(KAFKA_CONFIG_VARIABLE, str(tmp_path / "kafka.conf"))
    ended = process("worker", "shop", "--url", "kafka://127.0.0.1:1")
    assert ended.returncode == 1
    [told] = [line for line in ended.stderr.splitlines() if line.startswith("penstock: ")]
    assert why in told
    assert "Traceback" not in ended.stderr
