"""The real application on the embedded log, served by uvicorn in this process, and what tests say
to it.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from penstock.config import CONNECTIONS_MAX_DEFAULT, Config, Tls, client_context
from penstock.contracts.wire import Sent, outgoing
from penstock.core.command import Command
from penstock.core.ids import partition_of
from penstock.gateway.app import ROUTES
from penstock.gateway.load import Limits
from penstock.gateway.openapi import document
from penstock.gateway.serve import http_server, url_of
from penstock.gateway.web import Gateway
from penstock.log.port import Message
from penstock.server import Parts, parts
from tests.gateway.documented import Documented

START_S = 20.0
PARTITIONS = 3


class Served:
    """A running gateway and a client."""

    def __init__(self, made: Parts, url: str, tls: Tls) -> None:
        self.made = made
        self.url = url
        documented = Documented(document(ROUTES))
        hooks = {"response": [documented.check]}
        verify = client_context(tls) if tls.cert is not None else True
        self.http = httpx.Client(base_url=url, timeout=30.0, event_hooks=hooks, verify=verify)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """One request; `command_id` and `tenant` are headers."""
        named = {
            f"Penstock-{name.replace('_', '-').title()}": value for name, value in headers.items()
        }
        return self.http.request(method, path, json=body, headers=named)

    def with_key(self, key: str) -> httpx.Client:
        """A client with a credential. Its answers are held against the document, too."""
        hooks, named = self.http.event_hooks, {"Authorization": f"Bearer {key}"}
        return httpx.Client(base_url=self.url, timeout=30.0, headers=named, event_hooks=hooks)

    def good(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """One request that must be accepted."""
        response = self.call(method, path, body, **headers)
        assert response.status_code < 300, response.text
        return response.json()

    def refused(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, str, str]:
        """One request that must not be: status, code and message."""
        response = self.call(method, path, body, **headers)
        return shape_of_error(response)

    def a_task_def(self, name: str, **fields: Any) -> None:
        """Register a TaskDef everywhere."""
        self.good("PUT", "/v1/task-defs?wait=all", {"name": name, **fields})

    def a_wf_spec(self, name: str, task_def: str, **node: Any) -> None:
        """Register a WfSpec with one task, everywhere; its output is the run's."""
        self.good("PUT", "/v1/wf-specs?wait=all", one_task(name, task_def, **node))

    def run(self, wf_spec: str, **fields: Any) -> str:
        """Start a run."""
        return self.good("POST", "/v1/wf-runs", {"wf_spec": wf_spec, **fields})["wf_run_id"]

    def poll(self, task_def: str, worker: str = "w", **fields: Any) -> list[Any]:
        """Ask for tasks."""
        body = {"worker": worker, "wait_ms": 10_000, **fields}
        return self.good("POST", f"/v1/task-queues/{task_def}/poll", body)["tasks"]

    def append(self, command: Command) -> None:
        """Send a command past the gateway, as who writes to Kafka."""
        gateway: Gateway = self.made.app.state.gateway
        sent = outgoing(gateway.avro, Sent(command=command), None)
        number = partition_of(sent.key or b"", PARTITIONS)
        message = Message(gateway.topics.commands, sent.key, sent.value, sent.headers, number)
        gateway.log.append_and_wait(message)

    def report(self, task: Any, **fields: Any) -> httpx.Response:
        """Report on a task."""
        body = {name: task[name] for name in ("wf_run_id", "guid", "attempt")}
        return self.call("POST", "/v1/tasks/report", body | fields)

    def succeed(self, task: Any, output: Any = None) -> None:
        """Report a success."""
        response = self.report(task, status="TASK_SUCCESS", output=output)
        assert response.status_code == 200, response.text


def shape_of_error(response: httpx.Response) -> tuple[int, str, str]:
    """Status, code and message of an error, which all have one shape."""
    assert response.status_code >= 400, response.text
    error = response.json()["error"]
    assert set(error) - {"faults"} == {"code", "message"}
    assert "faults" in error or error["code"] != "BAD_SPEC"
    assert "Traceback" not in response.text
    return response.status_code, error["code"], error["message"]


def one_task(name: str, task_def: str, **node: Any) -> dict[str, Any]:
    """A spec with one task."""
    task = {"type": "TASK", "task_def": task_def, "edges": [{"to": "end"}], **node}
    returns = {"from": "NODE_OUTPUT", "node": "work"}
    nodes = {
        "start": {"type": "ENTRYPOINT", "edges": [{"to": "work"}]},
        "work": task,
        "end": {"type": "EXIT", "returns": returns},
    }
    return {"name": name, "spec": {"entrypoint": "main", "threads": {"main": {"nodes": nodes}}}}


def waiting_for_event(name: str, event_def: str) -> dict[str, Any]:
    """A spec that waits for an event."""
    nodes = {
        "start": {"type": "ENTRYPOINT", "edges": [{"to": "wait"}]},
        "wait": {"type": "EXTERNAL_EVENT", "event_def": event_def, "edges": [{"to": "end"}]},
        "end": {"type": "EXIT", "returns": {"from": "NODE_OUTPUT", "node": "wait"}},
    }
    return {"name": name, "spec": {"entrypoint": "main", "threads": {"main": {"nodes": nodes}}}}


@contextmanager
def serving(data: Path, limits: Limits | None = None, **config: Any) -> Iterator[Served]:
    """Serve until the block ends."""
    data.mkdir(parents=True, exist_ok=True)
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        parts(Config(data=data, partitions=PARTITIONS, **config), limits=limits) as made,
    ):
        tls: Tls = config.get("tls", Tls())
        most: int = config.get("connections_max", CONNECTIONS_MAX_DEFAULT)
        server = http_server(made.app, tls, most)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        served = Served(made, url_of(listener, tls=tls.cert is not None), tls)
        try:
            wait_until(lambda: server.started and len(made.processor.owned()) == PARTITIONS)
            yield served
        finally:
            served.http.close()
            server.should_exit = True
            thread.join(START_S)
            assert not thread.is_alive(), "the server stops when it is told to"


def wait_until(holds: Any) -> None:
    """Wait for a condition that something else brings about."""
    deadline = time.monotonic() + START_S
    while not holds():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.01)
