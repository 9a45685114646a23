"""Every code block of the documentation is run or checked."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock import Client, RunFailed, Worker, task
from penstock.builtin.tasks import BuiltinTasks
from penstock.flows.document import FlowError
from penstock.testing import Engine
from tests.docs.blocks import ROOT, Block, blocks_of, pages
from tests.docs.checking import check, guessed, prepare
from tests.docs.following import TUTORIAL
from tests.sdk.servers import running_server

Names = dict[str, Any]
WRONG = (AssertionError, ValueError, SyntaxError, FlowError)


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_what_is_not_run_is_right_in_its_form(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(tmp_path)
    monkeypatch.chdir(tmp_path)
    wrong: list[str] = []
    for block in blocks_of(page):
        try:
            check(block)
        except WRONG as error:
            wrong.append(f"{block.where}: {error}")
    assert not wrong, "\n" + "\n".join(wrong)


@pytest.mark.parametrize(
    "text",
    [
        "```sh\npenstock stpo RUN\n```\n",
        "```sh\npenstock stop\n```\n",
        "```sh\nmake nothing-of-the-kind\n```\n",
        "```sh\nrm -r /\n```\n",
        "```sh\ncurl URL/v1/nothing\n```\n",
        "```yaml\ntriggers: [{id: t, type: schedule}]\n```\n",
        "```json\n{'a': 1}\n```\n",
        "```python\nreturn\n```\n",
        "```toml\n[a\n```\n",
        "```klingon\nnuqneH\n```\n",
        "    GET /v1/nothing\n",
        '    POST /v1/bulk {"filters": {}}\n',
        "    something\n",
    ],
)
def test_a_block_that_is_wrong_is_found(text: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"Words.\n\n{text}")
    [block] = blocks_of(page)
    with pytest.raises(WRONG):
        check(block)


# --- what is run ----------------------------------------------------------------------------------


def executed(blocks: list[Block], folder: Path, names: Names) -> Names:
    """Run blocks one after the other; each is a file, since a workflow's source is looked at."""
    for number, block in enumerate(blocks):
        file = folder / f"block{number}.py"
        file.write_text(block.text)
        exec(compile(block.text, str(file), "exec"), names)  # noqa: S102
    return names


def python_of(name: str) -> list[Block]:
    found = blocks_of(ROOT / name)
    return [one for one in found if (one.language or guessed(one)) == "python"]


def call_tests(names: Names) -> int:
    """Call the tests that were defined, each with an engine."""
    tests = [made for name, made in names.items() if name.startswith("test_")]
    for one in tests:
        with Engine() as engine:
            one(engine)
    return len(tests)


def of_readme(folder: Path) -> None:
    """Saved under the names that it gives them, and run by a pytest of their own."""
    hello, test = python_of("README.md")
    (folder / "hello.py").write_text(hello.text)
    (folder / "test_hello.py").write_text(test.text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    [flow] = [one for one in blocks_of(ROOT / "README.md") if one.language == "yaml"]
    with Engine() as engine:
        engine.deploy(flow.text)
        run = engine.run("company.team.hello", name="Ada")
        assert run.result() == {"said": "Hello, Ada!"}
        assert {one.message for one in run.logs().items} >= {"one: Hello, Ada!", "two: Hello, Ada!"}


def of_testing(folder: Path) -> None:
    assert call_tests(executed(python_of("docs/TESTING.md"), folder, {})) == 1


def of_workflows(folder: Path) -> None:
    names = executed(python_of("docs/WORKFLOWS.md"), folder, {})
    order, ship = names["order"], names["ship"]
    with Engine(order) as engine:
        for agreed, status in ((True, "COMPLETED"), (False, "EXCEPTION")):
            run = engine.run(order, customer="ada", card="1", items=["a", "b"])
            [form] = run.user_tasks()
            engine.client.user_tasks.claim(form.id, "bob")
            engine.client.user_tasks.complete(form.id, "bob", {"agreed": agreed})
            assert run.status() == status
        assert engine.inputs(ship) == [{"item": one, "customer": "ada"} for one in ("a", "b")]
        with pytest.raises(RunFailed, match="not-paid"):
            engine.run(order, customer="eve", card="expired", items=[]).result()
        assert engine.inputs(ship)[2:] == [{"item": "a letter", "customer": "eve"}]


def of_definitions(folder: Path) -> None:
    """With a worker that posts no webhook, since nobody is at that address."""
    posted: list[dict[str, Any]] = []

    @task(name="send-webhook")
    def send_webhook(
        type: str, data: dict[str, Any], url: str, endpoint: str, timestamp: str
    ) -> dict[str, Any]:
        posted.append({"url": url, **data})
        return {"code": 204, "webhook_id": "1", "timestamp": 1}

    with (
        running_server(folder / "data") as url,
        pytest.MonkeyPatch.context() as patch,
        Client(url) as client,
    ):
        client.register(BuiltinTasks().send_webhook)
        patch.setenv("PENSTOCK_URL", url)
        with Worker(send_webhook, url=url):
            executed(python_of("docs/WORKFLOW_DEFINITIONS.md"), folder, {})
        [run] = client.find_runs(wf_spec="shop.sell", newest=True)
        assert run.status == "COMPLETED"
    assert [one["url"] for one in posted] == ["https://shop.example/hooks"]


def of_workers(folder: Path) -> None:
    """With a server: the page has workers of its own."""
    with running_server(folder / "data") as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PENSTOCK_URL", url)
        executed(python_of("docs/WORKERS.md"), folder, {})


RUNNERS: dict[str, Callable[[Path], None]] = {
    "README.md": of_readme,
    "docs/TESTING.md": of_testing,
    "docs/WORKERS.md": of_workers,
    "docs/WORKFLOWS.md": of_workflows,
    "docs/WORKFLOW_DEFINITIONS.md": of_definitions,
}
ELSEWHERE = {"docs/CLIENT.md"}  # tests/sdk/test_client_page.py


@pytest.mark.parametrize("name", RUNNERS)
def test_the_python_of_a_page_does_what_it_says(name: str, tmp_path: Path) -> None:
    RUNNERS[name](tmp_path)


def test_no_page_with_python_is_left_out() -> None:
    with_python = {
        str(page.relative_to(ROOT))
        for page in pages()
        if TUTORIAL not in page.parents and python_of(str(page.relative_to(ROOT)))
    }
    assert with_python == RUNNERS.keys() | ELSEWHERE


def test_no_console_is_left_out() -> None:
    """Only the tutorial is followed, so only there may commands stand with what they say."""
    for page in pages():
        consoles = [one for one in blocks_of(page) if one.language == "console"]
        assert not consoles or TUTORIAL in page.parents, consoles[0].where
