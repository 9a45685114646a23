"""`penstock check`: what is wrong with flows, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.cli import main

RIGHT = """id: hello
namespace: company.team
inputs: [{id: name, type: STRING}]
tasks:
  - id: say
    type: log
    message: "Hello {{ inputs.name }}"
"""


def test_a_flow_that_is_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "hello.yaml"
    path.write_text(RIGHT)

    assert main(["check", str(path)]) == 0
    assert "company.team.hello is right" in capsys.readouterr().out


def test_each_mistake_is_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(RIGHT.replace("message", "mesage").replace("namespace", "space"))

    assert main(["check", str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[0] for line in lines] == [
        f"{path}:{place}" for place in ("1:1", "2:1", "5:5", "7:5")
    ]


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path / "none.yaml")]) == 1
    assert "can not be read" in capsys.readouterr().err
