"""What a type checker in its strict mode says of users' code: which calls are awaited, and what
they give.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sdk.shop import shop

ROOT = Path(__file__).resolve().parents[2]
USERS = (*(ROOT / "examples").glob("*.py"), ROOT / "tests" / "sdk" / "shop.py")

RIGHT = """
from collections.abc import AsyncIterator, Iterator
from typing import Any, assert_type

from penstock import AsyncClient, Client, workflow
from penstock.contracts.answers.definitions import WfSpecShown
from penstock.contracts.answers.runs import LogShown, WfRunHead, WfRunShown
from penstock.contracts.answers.told import ThreadTold, UserTaskTold
from penstock.sdk.news import RunNews


@workflow
def greet(name: str) -> str:
    return name


def blocking(client: Client) -> None:
    run = client.run(greet, name="ada")
    assert_type(run.result(), str)
    assert_type(client.run("greet").result(), Any)
    assert_type(run.get(), WfRunShown)
    assert_type(run.stop(thread=1), ThreadTold)
    assert_type(run.follow_logs(), Iterator[LogShown])
    assert_type(client.find_runs(wf_spec="greet", status=["ERROR"]), Iterator[WfRunHead])
    assert_type(client.follow_runs(wf_spec="greet"), Iterator[RunNews])
    assert_type(client.wf_specs.get("greet"), WfSpecShown)
    assert_type(client.user_tasks.claim("a/b", "ada"), UserTaskTold)


async def awaited(client: AsyncClient) -> None:
    run = await client.run(greet, name="ada")
    assert_type(await run.result(), str)
    assert_type(await run.get(), WfRunShown)
    assert_type(await run.stop(thread=1), ThreadTold)
    assert_type(run.follow_logs(), AsyncIterator[LogShown])
    assert_type(client.find_runs(wf_spec="greet"), AsyncIterator[WfRunHead])
    assert_type(client.follow_runs(wf_spec="greet"), AsyncIterator[RunNews])
    assert_type(await client.wf_specs.get("greet"), WfSpecShown)
    assert_type(await client.user_tasks.claim("a/b", "ada"), UserTaskTold)
"""
WRONG = """
from penstock import AsyncClient, Client, task, workflow


@task
async def count(of: str) -> int:
    return len(of)


@workflow
def counted(of: int) -> str:
    return count(of)


async def wrong(blocking: Client, awaited: AsyncClient) -> None:
    blocking.handle("a").stop(thred=1)
    await blocking.handle("a").stop()
    awaited.handle("a").stop()
    blocking.handle("a").kill(cascade="yes")
"""


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_users_code_is_checked(tmp_path: Path) -> None:
    assert shop.definition.name == "shop"
    for path in USERS:
        shutil.copy(path, tmp_path)
    (tmp_path / "right.py").write_text(RIGHT)
    (tmp_path / "wrong.py").write_text(WRONG)
    settings = {"typeCheckingMode": "strict", "extraPaths": [str(ROOT / "engine")]}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "basedpyright", "--outputjson"),
            *("--pythonpath", sys.executable, "-p", str(tmp_path)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads(done.stdout)["generalDiagnostics"]
    places = [(Path(one["file"]).name, one["range"]["start"]["line"]) for one in found]
    assert places == [("wrong.py", line) for line in (11, 11, 15, 16, 17, 18)], found
