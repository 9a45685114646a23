"""W3: a definition says what a step does: whatever a worker does with a context."""

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from penstock.core.commands.put_task_def import PutTaskDef
from penstock.sdk.attempt import Attempt
from penstock.sdk.task import TaskDef, task
from penstock.stepped.compiler import compile_workflow
from penstock.stepped.definition import WorkflowDefinition
from tests.controls import a_task_def
from tests.dialects.bench import task_def_of
from tests.dialects.workflows import WorkflowRun, start
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, refused


@task(name="add-tax")
def add_tax(context: dict[str, Any]) -> dict[str, Any]:
    """Work something out."""
    return context | {"total": context["net"] * 1.2}


@task(name="greet-buyer")
def greet(context: dict[str, Any]) -> dict[str, Any]:
    """Say something."""
    return context | {"said": f"Hello {context['buyer']}"}


@task(name="ask-price")
def ask_price(context: dict[str, Any]) -> dict[str, Any]:
    """Call an API."""
    connection = HTTPConnection("127.0.0.1", context["port"], timeout=10)
    connection.request("POST", "/prices", json.dumps({"of": context["what"]}))
    return context | json.load(connection.getresponse())


class Prices(BaseHTTPRequestHandler):
    """An API that tells prices."""

    def do_POST(self) -> None:
        """It costs a unit for each letter."""
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"net": len(asked["of"])}).encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def prices() -> Iterator[int]:
    """The port of the API."""
    with HTTPServer(("127.0.0.1", 0), Prices) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def works(run: WorkflowRun, done: TaskDef[..., Any]) -> None:
    """A worker does one of its tasks."""
    run.task(done.name)
    accepted(run.driver, Attempt(done, run.taken, "worker").run())


def test_w03_workers_in_python_do_the_steps(driver: Driver, prices: int) -> None:
    """One calls an API, one works something out, one says something."""
    steps = (ask_price, add_tax, greet)
    for one in steps:
        accepted(driver, PutTaskDef(**task_def_of(one)))
    workflow = WorkflowDefinition("sell", "shop", tuple(one.name for one in steps))
    name = accepted(driver, compile_workflow(workflow)).body["name"]
    given = {"what": "ten pounds", "buyer": "Ada", "port": prices}
    run = start(driver, name, given)
    for one in steps:
        works(run, one)
    run.completes(given | {"net": 10, "total": 12.0, "said": "Hello Ada"})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (a_task_def("odd", "JSON_OBJ"), "has no input 'context'"),
        (a_task_def("odd", "JSON_OBJ", context="STR"), "input 'context'"),
        (a_task_def("odd", "JSON_OBJ", context="JSON_OBJ", more="STR"), "input 'more'"),
        (a_task_def("odd", "STR", context="JSON_OBJ"), "variable 'context'"),
        (a_task_def("odd", None, context="JSON_OBJ"), "no return_type"),
        (a_task_def("odd", "VOID", context="JSON_OBJ"), "no return_type"),
    ],
)
def test_w03_a_task_that_does_not_hand_on_a_context_is_refused(
    memory: Driver, wrong: PutTaskDef, said: str
) -> None:
    accepted(memory, wrong)
    workflow = compile_workflow(WorkflowDefinition("sell", "shop", ("odd",)))
    assert said in refused(memory, workflow, "BAD_SPEC").message
    unknown = compile_workflow(WorkflowDefinition("sell", "shop", ("unknown",)))
    refused(memory, unknown, "DEFINITION_UNKNOWN")
