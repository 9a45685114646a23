"""What a type checker in its strict mode says of users' code: which calls are awaited, and what
they give.
"""

import ast
import doctest
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import penstock
from tests.sdk import orders
from tests.sdk.shop import shop
from tests.sdk.test_examples import DOCUMENTED, EXAMPLES

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "tests" / "sdk"
USERS = (*(ROOT / "examples").glob("*.py"), HERE / "shop.py", HERE / "orders.py")

RIGHT = """
from collections.abc import AsyncIterator, Iterator
from typing import Any, assert_type

from penstock import AsyncClient, Client, TaskContext, workflow
from penstock.contracts.answers.definitions import WfSpecShown
from penstock.contracts.answers.runs import LogShown, WfRunHead, WfRunShown
from penstock.contracts.answers.told import ThreadTold, UserTaskTold
from penstock.sdk.news import RunNews


@workflow
def greet(name: str) -> str:
    return name


async def keeping(ctx: TaskContext) -> None:
    ctx.checkpoint({"page": 1})
    assert_type(await ctx.checkpoint(2), None)
    assert_type(ctx.last_checkpoint(int), int | None)
    assert_type(ctx.last_checkpoint(), Any)


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
from penstock import AsyncClient, Client, TaskContext, task, workflow


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


def without(ctx: TaskContext) -> int:
    return ctx.last_checkpoint(int)
"""


BEFORE = {
    "asyncio": "import asyncio",
    "datetime": "from datetime import datetime",
    "timedelta": "from datetime import timedelta",
    "UTC": "from datetime import UTC",
    "engine": "engine = penstock.testing.Engine()",
    "client": "client = penstock.Client()",
    "run": "run = penstock.Client().run('greeting')",
    "waiting": "waiting = penstock.Client().run('paying')",
    **dict.fromkeys(("failed", "retrying"), "{name} = penstock.Client().run('reading')"),
    **dict.fromkeys(("url", "bootstrap", "cluster"), "{name} = 'a'"),
    "greet": "@penstock.task\ndef greet(name: str) -> str: return name",
    "greeting": "@penstock.workflow\ndef greeting(name: str) -> str: return name",
}
"""What the examples in docstrings may speak of besides the package's own names."""


def module_of(doc: str) -> str:
    """The examples of a docstring as a module. What it shows is used."""
    lines: list[str] = []
    for one in doctest.DocTestParser().get_examples(doc):
        is_shown = isinstance(ast.parse(one.source).body[0], ast.Expr)
        lines.append(f"_ = {one.source}" if is_shown else one.source)
    body = "".join(lines)
    nodes = list(ast.walk(ast.parse(body)))
    spoken = {node.id for node in nodes if isinstance(node, ast.Name)}
    spoken -= {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    spoken -= {
        node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    head = ["import penstock.testing"]
    head += [f"from penstock import {name}" for name in penstock.__all__ if name in spoken]
    head += [text.format(name=name) for name, text in BEFORE.items() if name in spoken]
    return "\n".join([*head, "_ = penstock.testing", body])


def test_the_program_with_models_runs() -> None:
    assert orders.test_an_order() == ["2 book", "1 pen"]


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_users_code_is_checked(tmp_path: Path) -> None:
    assert shop.definition.name == "shop"
    for path in USERS:
        shutil.copy(path, tmp_path)
    for name in EXAMPLES:
        file = tmp_path / f"of_{name.replace('.', '_')}.py"
        file.write_text(module_of(DOCUMENTED[name]))
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
    assert places == [("wrong.py", line) for line in (11, 11, 15, 16, 17, 18, 22)], found
