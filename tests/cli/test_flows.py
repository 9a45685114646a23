"""`penstock deploy` and `penstock run` against a real `penstock dev` with its built-in worker; the
schema that editors get.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from penstock.cli import main
from penstock.cli.codes import Exit
from penstock.sdk.client import Client
from tests.sdk.servers import running_server

HEAD = "id: taskrun\nnamespace: company.team\n"
SEED = (
    HEAD + "tasks:\n  - id: return\n    type: io.kestra.plugin.core.debug.Return\n"
    '    format: "{{ taskrun }}"\n'
)
INPUTS = (
    HEAD.replace("taskrun", "typed")
    + "inputs: [{id: n, type: INT}, {id: t, type: STRING}]\n"
    + "tasks: [{id: a, type: return, format: '{{ inputs.n + 1 }} {{ inputs.t }}'}]\n"
    "outputs: [{id: said, type: STRING, value: '{{ outputs.a.value }}'}]\n"
    "triggers:\n  - {id: daily, type: schedule, cron: '0 9 * * *', inputs: {n: 1, t: x}}\n"
    "  - {id: hourly, type: schedule, cron: '0 * * * *', inputs: {n: 1, t: x}}\n"
    "  - {id: post, type: webhook, key: a-key-0123456789, inputs: "
    "{n: '{{ trigger.body.n }}', t: '{{ trigger.parameters.t[0] }}'}}\n"
)


def test_a_flow_is_deployed_and_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It prints the three keys of its task run, and its log has them."""
    with running_server(tmp_path / "data", builtin=True) as url:
        _says_its_task_run(tmp_path, url, capsys)


@pytest.mark.timeout(120)
def test_a_flow_on_kafka(
    kafka_bootstrap: str, cluster_name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the built-in worker as a process of its own."""
    arguments = ("server", "--kafka", kafka_bootstrap, "--cluster", cluster_name)
    with running_server(tmp_path / "data", *arguments) as url:
        command = [sys.executable, "-m", "penstock.cli", "builtin-worker", "--url", url]
        worker = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            _says_its_task_run(tmp_path, url, capsys)
        finally:
            worker.terminate()
            worker.wait(timeout=20)


def _says_its_task_run(folder: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "taskrun.yaml"
    path.write_text(SEED)
    _deployed(path, url, capsys)
    assert main(["run", "company.team.taskrun", "--follow", "--url", url]) == 0
    run_id, *_ = capsys.readouterr().out.splitlines()
    with Client(url) as client:
        [returned] = client.handle(run_id).task_runs()
        [line] = client.handle(run_id).logs().items
    said = json.loads(line.message)
    assert said == {"id": returned.guid, "startDate": said["startDate"], "attemptsCount": 0}
    assert datetime.fromisoformat(said["startDate"]).tzinfo is not None
    assert (line.level, line.task_run) == ("INFO", returned.guid)
    assert returned.attempts[0].output == {"value": line.message}


def test_inputs_triggers_and_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "typed.yaml"
    path.write_text(INPUTS)
    with running_server(tmp_path / "data", builtin=True) as url:
        out = _deployed(path, url, capsys)
        assert "flow company.team.typed, version 1" in out
        assert out.count("schedule company-team-typed-") == 2
        run = ["run", "company.team.typed", "n=4", "t=5", "--follow", "--url", url]
        assert main(run) == 0
        assert capsys.readouterr().out.splitlines()[-1] == '{"said": "5 5"}'
        assert main(["run", "company.team.typed", "n=x", "t=5", "--url", url]) == 1
        assert "BAD_VALUE" in capsys.readouterr().err
        assert "webhook /v1/webhooks/company.team.typed.post/KEY" in out
        address = f"{url}/v1/webhooks/company.team.typed.post/a-key-0123456789?t=6"
        answer = httpx.post(address, json={"n": 5}).raise_for_status().json()
        with Client(url) as client:
            assert client.handle(answer["wf_run_id"]).result(timeout=20) == {"said": "6 6"}
        path.write_text(INPUTS[: INPUTS.index("  - {id: hourly")].replace("0 9", "0 8"))
        out = _deployed(path, url, capsys)
        assert "0 8 * * *" in out
        assert out.count("deleted, the flow has no such trigger any more") == 2
        assert httpx.post(address, json={"n": 5}).json()["error"]["code"] == "WEBHOOK_UNKNOWN"
        pause = HEAD + "tasks: [{id: p, type: pause, onResume: [{id: x, type: INT}]}]\n"
        path.write_text(pause)
        assert "event company.team.taskrun.p" in _deployed(path, url, capsys)
        path.write_text(pause.replace("INT", "STRING"))
        assert main(["deploy", str(path), "--url", url]) == 1
        assert "give the pause another id" in capsys.readouterr().err
        path.write_text(INPUTS.replace("INT", "NUMBER"))
        assert main(["deploy", str(path), "--url", url]) == 1
        assert f"{path}:3:" in capsys.readouterr().out


def test_a_run_is_told_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The run alone, begun or ended, also one that fails; what happens until then is beside it."""
    path = tmp_path / "one.yaml"
    with running_server(tmp_path / "data", builtin=True) as url:

        def run(*words: str) -> tuple[int, dict[str, Any], str]:
            code = main(["run", *words, "-o", "json", "--url", url])
            out, beside = capsys.readouterr()
            return code, json.loads(out), beside

        path.write_text(INPUTS)
        _deployed(path, url, capsys)
        inputs = ("company.team.typed", "n=4", "t=5")
        code, shown, beside = run(*inputs, "--follow")
        assert (code, shown["status"], shown["output"]) == (0, "COMPLETED", {"said": "5 5"})
        assert "COMPLETED" in beside
        assert run(*inputs, "--run-id", shown["wf_run_id"])[1]["wf_run_id"] == shown["wf_run_id"]
        path.write_text(HEAD + "tasks: [{id: a, type: fail}]\n")
        _deployed(path, url, capsys)
        code, shown, beside = run("company.team.taskrun", "--wait")
        assert (code, shown["status"]) == (Exit.RUN_FAILED, "EXCEPTION")
        assert beside.endswith("ended in EXCEPTION\n"), "no words, no colon before them"


def test_a_task_def_that_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(HEAD + "tasks: [{id: a, type: task, taskDef: not-there}]\n")
    with running_server(tmp_path / "data") as url:
        assert main(["deploy", str(path), "--url", url]) == 1
    out, said = capsys.readouterr()
    assert f"{path}:3:9: TaskDef 'not-there' is not registered" in out
    assert "TaskDef 'not-there' is not registered" in said
    assert "penstock builtin-worker" in said


def test_the_schema_of_flows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["flow-schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "A Penstock flow"


def _deployed(path: Path, url: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What it says; the built-in worker may be a moment behind the server."""
    deadline = time.monotonic() + 20
    while main(["deploy", str(path), "--url", url]):
        assert time.monotonic() < deadline, capsys.readouterr().err
        time.sleep(0.1)
    return capsys.readouterr().out
