"""The sync client: register definitions, start runs, and look at them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from threading import Lock
from types import TracebackType
from typing import Any, Final, TypeVar, overload

import httpx
import msgspec

from penstock.core.ids import root_of, wf_run_id_of
from penstock.sdk import api, credential, hints
from penstock.sdk.deploy import Deployed, deploy
from penstock.sdk.errors import PenstockError
from penstock.sdk.handle import RunHandle
from penstock.sdk.register import PATHS, definitions_of
from penstock.sdk.task import TaskDef
from penstock.sdk.workflow import Workflow

R = TypeVar("R")
Json = dict[str, Any]

TOKENS_MAX: Final = 10_000


class Client:
    """A connection to a Penstock server. May be used from many threads; close it, or use it in a
    `with`.

    A request that meets a server that is busy or away is sent again, with the same command id, for
    up to `deadline_s` seconds. What this client wrote, it also reads. `api_key` is the credential;
    without it that of PENSTOCK_API_KEY is taken. `transport` is what carries
    the requests in place of a connection, as in `penstock.testing`.
    """

    def __init__(
        self,
        url: str = api.URL_DEFAULT,
        *,
        tenant: str = "default",
        deadline_s: float = 30.0,
        api_key: str | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = api.checked_url(url)
        self.tenant = tenant
        self.deadline_s = deadline_s
        self._http = httpx.Client(transport=transport, **credential.options(url, api_key))
        self._tokens: dict[str, str] = {}
        self._lock = Lock()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # Definitions.

    def register(self, *definitions: TaskDef[..., Any] | Workflow[..., Any]) -> None:
        """Register tasks and workflows; a workflow brings its own tasks and events with it.

        The same definition again changes nothing. A workflow that has changed becomes a new
        version.
        """
        for command in definitions_of(definitions):
            self._put(PATHS[type(command)], command)

    def put_application(self, name: str, webhook_url: str, *, description: str = "") -> None:
        """Register an application, or change where it takes webhooks."""
        body = {"name": name, "webhook_url": webhook_url, "description": description}
        self.call(api.command("PUT", "/v1/applications", body))

    def put_workflow(
        self,
        application: str,
        name: str,
        tasks: Sequence[str | Mapping[str, Any]] = (),
        *,
        retry: Mapping[str, Any] | None = None,
    ) -> str:
        """Register a workflow of tasks that hand on a context, one after another; returns the name
        by which it is run: `run(name, context={...})`. Without tasks it sends one webhook.
        """
        body: Json = {"name": name, "tasks": list(tasks)}
        if retry is not None:
            body["retry"] = dict(retry)
        reply = self.call(api.command("PUT", f"/v1/applications/{application}/workflows", body))
        return reply.body["name"]

    def deploy(self, flow: str) -> Deployed:
        """Register a flow, given as YAML, and what it needs. The same flow again changes nothing.

        Raises FlowError with all mistakes, each with its line and column.
        """
        return deploy(self, flow)

    def _put(self, path: str, definition: msgspec.Struct) -> None:
        self.call(api.command("PUT", path, msgspec.to_builtins(definition)))

    # Runs.

    @overload
    def run(
        self,
        workflow: Workflow[..., R],
        /,
        *,
        wf_run_id: str | None = None,
        version: int | None = None,
        labels: Mapping[str, str] | None = None,
        **variables: Any,
    ) -> RunHandle[R]: ...
    @overload
    def run(
        self,
        workflow: str,
        /,
        *,
        wf_run_id: str | None = None,
        version: int | None = None,
        labels: Mapping[str, str] | None = None,
        **variables: Any,
    ) -> RunHandle[Any]: ...
    def run(
        self,
        workflow: Workflow[..., Any] | str,
        /,
        *,
        wf_run_id: str | None = None,
        version: int | None = None,
        labels: Mapping[str, str] | None = None,
        **variables: Any,
    ) -> RunHandle[Any]:
        """Start a run. With an id of your own it is idempotent: the same start again is the same
        run, and starts none for a day if that has been deleted.
        """
        name, return_hint = workflow, hints.UNKNOWN
        if isinstance(workflow, Workflow):
            name, return_hint = workflow.name, workflow.return_hint
            variables = workflow.encode(variables)
        command_id = api.new_command_id()
        wf_run_id = wf_run_id or wf_run_id_of(self.tenant, command_id)
        body: Json = {"wf_spec": name, "wf_run_id": wf_run_id, "variables": variables}
        if version is not None:
            body["version"] = version
        if labels:
            body["labels"] = dict(labels)
        call = api.Call(method="POST", path="/v1/wf-runs", body=body, command_id=command_id)
        self._note(wf_run_id, self.call(call))
        return RunHandle(self, wf_run_id, return_hint)

    def handle(self, wf_run_id: str) -> RunHandle[Any]:
        """A handle of a run that was started elsewhere."""
        return RunHandle(self, wf_run_id)

    def get(self, wf_run_id: str, *, view: str | None = None) -> Json:
        """A run as the server shows it, or as a view of it does: `kestra`."""
        return self.read(wf_run_id, wait_s=0.0, **_view(view))

    def execution(self, wf_run_id: str) -> Json:
        """A run as an execution of a flow, with its task runs."""
        return self.get(wf_run_id, view="kestra")

    def task_runs(self, wf_run_id: str, *, view: str | None = None) -> list[Json]:
        """The task runs of a run, each with all its attempts."""
        return list(self.read_all(wf_run_id, "/task-runs", **_view(view)))

    def logs(
        self, wf_run_id: str, *, min_level: str | None = None, view: str | None = None
    ) -> list[Json]:
        """The lines that the tasks of a run have logged, in the order of time."""
        level = {} if min_level is None else {"min_level": min_level}
        return self.read(wf_run_id, "/logs", wait_s=0.0, **_view(view), **level)["items"]

    def stop(self, wf_run_id: str, *, thread: int = 0) -> None:
        """Halt a run; what is running ends first."""
        self.command_to_run(wf_run_id, "stop", {"thread": thread})

    def resume(self, wf_run_id: str, *, thread: int = 0) -> None:
        """Let a run that was stopped go on."""
        self.command_to_run(wf_run_id, "resume", {"thread": thread})

    def put_event(
        self, wf_run_id: str, name: str, content: Any = None, *, guid: str | None = None
    ) -> str:
        """Put an event to a run, which may not have come to wait for it yet; `guid` makes it
        idempotent.
        """
        guid = guid or api.new_command_id()
        body = {"wf_run_id": wf_run_id, "event_def": name, "guid": guid}
        body["content"] = hints.to_json(content, None)
        self._note(wf_run_id, self.call(api.command("POST", "/v1/external-events", body)))
        return guid

    # What the handles stand on.

    def command_to_run(self, wf_run_id: str, action: str, body: Json) -> None:
        """An action on a run."""
        call = api.command("POST", f"/v1/wf-runs/{wf_run_id}/actions/{action}", body)
        self._note(wf_run_id, self.call(call))

    def read(
        self, wf_run_id: str, part: str = "", *, wait_s: float = 0.0, **params: str | int
    ) -> Json:
        """A run or a part of it, not older than what this client last did to it."""
        token = self._tokens.get(root_of(wf_run_id))
        if token is not None:
            params["at_least"] = token
        path = f"/v1/wf-runs/{wf_run_id}{part}"
        return self.call(api.Call(method="GET", path=path, params=params, wait_s=wait_s)).body

    def read_all(self, wf_run_id: str, part: str, **params: str) -> Iterator[Json]:
        """All items of a list below a run."""
        cursor: str | None = None
        while True:
            more = params if cursor is None else params | {"cursor": cursor}
            page = self.read(wf_run_id, part, wait_s=0.0, **more)
            yield from page["items"]
            cursor = page.get("cursor")
            if cursor is None:
                return

    def call(self, call: api.Call) -> api.Reply:
        """Send a request until it is answered for good, or the deadline is over."""
        deadline = time.monotonic() + self.deadline_s + call.wait_s
        retry = 0
        while True:
            try:
                return self._once(call)
            except PenstockError as error:
                pause_s = api.pause_s(retry)
                if not api.may_retry(error) or time.monotonic() + pause_s > deadline:
                    raise
            time.sleep(pause_s)
            retry += 1

    def _once(self, call: api.Call) -> api.Reply:
        try:
            response = self._http.request(
                call.method,
                call.path,
                content=call.content,
                params=dict(call.params),
                headers=call.headers(self.tenant),
                timeout=call.timeout,
            )
        except httpx.TransportError as error:
            raise api.unreachable(self.url, error) from error
        return api.reply_of(response)

    def _note(self, wf_run_id: str, reply: api.Reply) -> None:
        """Remember how far the run's partition must have come for later reads."""
        if reply.position is None:
            return
        with self._lock:
            self._tokens.pop(root_of(wf_run_id), None)
            self._tokens[root_of(wf_run_id)] = reply.position
            if len(self._tokens) > TOKENS_MAX:
                del self._tokens[next(iter(self._tokens))]


def _view(name: str | None) -> dict[str, str]:
    return {} if name is None else {"view": name}
