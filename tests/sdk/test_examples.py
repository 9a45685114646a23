"""The examples in docstrings are run as they stand: with a real server where they have a client,
and with an engine in memory where they have that.
"""

from __future__ import annotations

import asyncio
import doctest
import inspect
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import penstock
from penstock import (
    Backoff,
    Client,
    RunHandle,
    TaskContext,
    Worker,
    task,
    wait_for_event,
    workflow,
)
from penstock.sdk.calls.bulk import Bulk
from penstock.sdk.calls.events import Events
from penstock.sdk.calls.schedules import Schedules
from penstock.sdk.calls.user_tasks import UserTasks
from penstock.testing import Engine
from tests.sdk.servers import running_server

pytestmark = pytest.mark.timeout(120)

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
METHODS_OF = (Client, RunHandle, TaskContext)
SUBJECTS = {"bulk": Bulk, "events": Events, "schedules": Schedules, "user_tasks": UserTasks}
"""What a client has of methods besides its own: an example for all of them."""
WITHOUT = {
    *("Forbidden", "Incomplete", "ServerError", "Unanswered", "Update"),
    *("Client.close", "TaskContext.stop", "TaskContext.has_words"),
    *("TaskContext.logs", "TaskContext.metrics"),
    *("RunHandle.force", "RunHandle.migrate", "RunHandle.outcome", "RunHandle.restart_task"),
}
"""What has none: what is seen in others' examples, or in none that is short."""
ON_KAFKA = {"CommandSender"}  # see test_kafka_worker.py


@task
def greet(name: str) -> str:
    return f"Hello, {name}"


@workflow(searchable=["name"])
def greeting(name: str) -> str:
    return greet(name)


@workflow
def paying(amount: int = 10) -> str:
    return wait_for_event("paid", type=str)


@task(max_attempts=2, backoff=Backoff(base=60))
def fetch(page: int) -> str:
    return f"page {page}"


@workflow
def reading(page: int = 1) -> str:
    return fetch(page)


def documented() -> dict[str, str]:
    """The docstrings that users see, by name; what is the worker's business is left out."""
    found = {name: inspect.getdoc(getattr(penstock, name)) or "" for name in penstock.__all__}
    for kind in METHODS_OF:
        for name, method in inspect.getmembers(kind):
            doc = inspect.getdoc(method) or ""
            is_own = inspect.isroutine(method) or isinstance(method, property)
            if is_own and not name.startswith("_") and not doc.startswith("For the worker"):
                found[f"{kind.__name__}.{name}"] = doc
    subjects = {f"client.{name}": inspect.getdoc(kind) or "" for name, kind in SUBJECTS.items()}
    return found | subjects


DOCUMENTED = documented()
EXAMPLES = sorted(name for name, doc in DOCUMENTED.items() if ">>>" in doc)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A server with a worker, and a client of it."""
    data = tmp_path_factory.mktemp("examples") / "data"
    with running_server(data, builtin=True) as url, Client(url) as client:
        client.register(greeting)
        with Worker(greeting, url=url):
            yield {"url": url, "client": client}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """An engine in memory; no two examples have runs of one name."""
    with Engine(greeting, paying) as made:
        yield made


def run_examples(name: str, names: dict[str, Any]) -> None:
    """Run those of one docstring, with these names besides the package's own."""
    known = {one: getattr(penstock, one) for one in penstock.__all__}
    example = doctest.DocTestParser().get_doctest(
        DOCUMENTED[name], known | names, name, f"<{name}>", 0
    )
    told: list[str] = []
    result = doctest.DocTestRunner(optionflags=FLAGS).run(example, out=told.append)
    assert result.attempted and not result.failed, "".join(told)


@pytest.mark.parametrize("name", [one for one in EXAMPLES if one not in ON_KAFKA])
def test_an_example_is_true(name: str, request: pytest.FixtureRequest) -> None:
    names: dict[str, Any] = {"greet": greet, "greeting": greeting, "asyncio": asyncio}
    names |= {"datetime": datetime, "timedelta": timedelta, "UTC": UTC}
    words = DOCUMENTED[name]
    if "client" in words or "url" in words:
        names |= request.getfixturevalue("live")
    with ExitStack() as own:
        if ".inputs(" in words:  # what others have given would be among them
            engine = own.enter_context(Engine(greeting))
        else:
            engine = request.getfixturevalue("engine")
        if name.startswith("RunHandle."):
            names |= {"run": engine.run(greeting, name="Ada"), "waiting": engine.run(paying)}
        if "retrying." in words or "failed.result()" in words:
            engine = own.enter_context(Engine(reading))
            times = 2 if "failed.result()" in words else 1
            engine.fake(fetch, *[ConnectionError("away")] * times, "page 1")
            names["retrying"] = names["failed"] = engine.run(reading)
            if "failed.result()" in words:
                engine.skip(60)
        run_examples(name, names | {"engine": engine})


def test_whatever_users_see_is_documented_and_shown() -> None:
    assert [name for name, doc in DOCUMENTED.items() if not doc] == []
    assert DOCUMENTED.keys() - set(EXAMPLES) == WITHOUT


def test_an_example_that_is_not_true_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DOCUMENTED, "wrong", ">>> 1 + 1\n3")
    with pytest.raises(AssertionError, match=r"Expected:\s+3\s+Got:\s+2"):
        run_examples("wrong", {})
