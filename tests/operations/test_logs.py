"""Log lines as JSON."""

import io
import json
import logging
from pathlib import Path

import pytest

from penstock.cli import main
from penstock.observe.logs import JsonFormatter
from tests.crash.server import Server


def test_a_line_says_where_and_what_and_no_payload() -> None:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(JsonFormatter())
    logger = logging.Logger("penstock.test")
    logger.addHandler(handler)
    where = {"partition": 3, "wf_run_id": "r-1", "command": "RunWf", "card": "4711"}
    try:
        raise ValueError("the card is 4711")
    except ValueError:
        logger.exception("a turn\nfailed", extra=where)
    lines = out.getvalue().splitlines()
    assert len(lines) == 1
    line = json.loads(lines[0])
    assert line["level"] == "ERROR"
    assert line["logger"] == "penstock.test"
    assert line["message"] == "a turn\nfailed"
    assert (line["partition"], line["wf_run_id"], line["command"]) == (3, "r-1", "RunWf")
    assert line["error"] == "ValueError"
    assert any("test_logs.py" in place for place in line["stack"])
    assert line["time"].endswith("+00:00")
    assert "4711" not in lines[0]


def test_a_server_writes_them(tmp_path: Path) -> None:
    server = Server(tmp_path / "data")
    server.start("before_produce=raise@2", "--log-format", "json")
    try:
        server.call("PUT", "/v1/task-defs", {"name": "one"})
        server.call("PUT", "/v1/task-defs", {"name": "two"})
    except Exception:
        assert server.ended(20) == 1
    server.ended(20)
    lines = [line for line in server.printed().splitlines() if line.startswith("{")]
    [stopped] = [line for line in map(json.loads, lines) if line["level"] == "CRITICAL"]
    assert stopped["error"] == "FailpointHit"
    server.stop()


def test_a_level_that_there_is_not_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PENSTOCK_LOG_LEVEL", "loud")
    assert main(["version"]) == 2
    assert capsys.readouterr().err == "penstock: PENSTOCK_LOG_LEVEL: there is no level 'LOUD'\n"
    monkeypatch.setenv("PENSTOCK_LOG_LEVEL", "info")
    assert main(["version"]) == 0
