"""docs/CLIENT.md: its examples, run one after the other, and the names that it tells of."""

import re
from pathlib import Path
from typing import Any

import penstock
from penstock import Client, Worker
from penstock.sdk.handle import RunHandle

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "CLIENT.md").read_text()
ADDRESS = 'Client("http://127.0.0.1:7070")'


def test_the_examples_run_as_they_stand(server: str, tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.+?)^```", PAGE, re.M | re.S)
    assert len(blocks) == 9 and ADDRESS in blocks[0]
    names: dict[str, Any] = {}
    for number, block in enumerate(blocks):
        file = tmp_path / f"block{number}.py"  # a workflow's source is looked at
        file.write_text(block.replace(ADDRESS, f"Client({server!r})"))
        exec(compile(file.read_text(), str(file), "exec"), names)  # noqa: S102
        if number == 0:
            worker = Worker(names["gift"], url=server)
            worker.start()
    worker.stop()
    names["client"].close()


def test_it_names_what_there_is() -> None:
    with Client("http://127.0.0.1:9") as client:
        for name in ("user_tasks", "events", "schedules", "bulk", "dead_letters"):
            subject = getattr(client, name)
            public = [one for one in dir(subject) if not one.startswith("_")]
            missing = [one for one in public if one not in PAGE and one != "connection"]
            assert not missing, f"CLIENT.md does not tell of {name}: {missing}"
    of_runs = [one for one in dir(RunHandle) if not one.startswith("_")]
    untold = [one for one in of_runs if f"`{one}" not in PAGE and f".{one}(" not in PAGE]
    assert untold == ["outcome"]  # what `result` is made of


def test_errors_and_names_are_exported() -> None:
    rows = re.findall(r"^\| ([A-Z][\w, ]+) \|", PAGE.partition("| error |")[2], re.M)
    errors = {name for row in rows for name in row.split(", ")}
    assert len(errors) == 9
    assert errors | set(re.findall(r"ps\.(\w+)", PAGE)) <= set(penstock.__all__)
