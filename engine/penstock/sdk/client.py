"""The clients: register definitions, start runs, find them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, TypeVar, overload

import httpx
import msgspec

from penstock.config import url_default
from penstock.contracts.answers.definitions import Named
from penstock.contracts.answers.runs import TaskRunShown, WfRunHead
from penstock.contracts.answers.told import RunStarted
from penstock.core.ids import wf_run_id_of
from penstock.sdk import api, deploy, hints
from penstock.sdk.api import Call, Exchange, Json, given
from penstock.sdk.calls.bulk import Bulk
from penstock.sdk.calls.definitions import Registered
from penstock.sdk.calls.events import Events
from penstock.sdk.calls.letters import Letters
from penstock.sdk.calls.metrics import Metrics
from penstock.sdk.calls.run_reads import PATH, of_run
from penstock.sdk.calls.schedules import Schedules
from penstock.sdk.calls.tenants import Quotas, Tenants
from penstock.sdk.calls.user_tasks import UserTasks
from penstock.sdk.connection import Awaiting, Blocking, Feed
from penstock.sdk.errors import InvalidRequest
from penstock.sdk.handle import AsyncRunHandle, RunHandle
from penstock.sdk.register import OF_DEFINITIONS, PATHS, definitions_of, placed
from penstock.sdk.subject import C, asks, lists
from penstock.sdk.task import TaskDef
from penstock.sdk.workflow import Workflow, plain_variables

R = TypeVar("R")


class _Client(Registered[C]):
    """What both clients have. Verbs on a run are those of its handle."""

    def __init__(self, connection: C) -> None:
        super().__init__(connection)
        self.url = connection.url
        self.tenant = connection.tenant
        self.user_tasks = UserTasks(connection)
        self.events = Events(connection)
        self.schedules = Schedules(connection)
        self.bulk = Bulk(connection)
        self.dead_letters = Letters(connection)
        self.tenants = Tenants(connection)
        self.quotas = Quotas(connection)
        self.metrics = Metrics(connection)

    # Definitions.

    @asks
    def register(self, *definitions: TaskDef[..., Any] | Workflow[..., Any]) -> Exchange[None]:
        """Register tasks and workflows; a workflow brings its own tasks and events with it.

        The same definition again changes nothing. A workflow that has changed becomes a new
        version. Raises InvalidRequest for one that can not be, with the lines that made it so.
        """
        for definition in definitions_of(definitions):
            body = msgspec.to_builtins(definition)
            call = api.command("PUT", PATHS[type(definition)], body, of=OF_DEFINITIONS)
            try:
                yield from self.connection.ask(call)
            except InvalidRequest as error:
                raise placed(error, definition, definitions) from None

    @asks
    def put_application(
        self, name: str, webhook_url: str, *, description: str = ""
    ) -> Exchange[None]:
        """Register an application, or change where it takes webhooks."""
        body = {"name": name, "webhook_url": webhook_url, "description": description}
        call = api.command("PUT", "/v1/applications", body, of=OF_DEFINITIONS)
        yield from self.connection.ask(call)

    @asks
    def put_workflow(
        self,
        application: str,
        name: str,
        tasks: Sequence[str | Mapping[str, Any]] = (),
        *,
        retry: Mapping[str, Any] | None = None,
    ) -> Exchange[str]:
        """Register a workflow of tasks that hand on a context, one after another; returns the name
        by which it is run: `run(name, context={...})`. Without tasks it sends one webhook.
        """
        body = given(name=name, tasks=list(tasks), retry=retry and dict(retry))
        path = api.below("/v1/applications", application, "workflows")
        return (yield from self._ask(Named, api.command("PUT", path, body, of=OF_DEFINITIONS))).name

    @asks
    def deploy(self, flow: str) -> Exchange[deploy.Deployed]:
        """Register a flow, given as YAML, and what it needs. The same flow again changes nothing.

        Raises FlowError with all mistakes, each with its line and column.
        """
        return deploy.deploy(self.connection, flow)

    # Searches.

    @lists
    def find_runs(
        self,
        *,
        wf_spec: str | None = None,
        variable: str | None = None,
        path: str | None = None,
        version: int | None = None,
        status: Sequence[str] = (),
        q: str | None = None,
        namespace: str | None = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        label: Sequence[str] = (),
        trigger_wf_run_id: str | None = None,
        child_filter: Literal["CHILD", "MAIN"] | None = None,
        newest: bool = False,
    ) -> Feed[WfRunHead]:
        """All runs, in the order of their ids; those of a WfSpec with a value in a searchable
        variable, written as `<name>:<value>`, or below it at a `path`; or, newest first, those that
        pass filters, as of `find_task_runs`.
        """
        filters = given(
            status=list(status) or None,
            q=q,
            namespace=namespace,
            start_date=api.time_text(start_date),
            end_date=api.time_text(end_date),
            label=list(label) or None,
            trigger_wf_run_id=trigger_wf_run_id,
            child_filter=child_filter,
        )
        order = "newest" if newest or filters else None
        asked = given(wf_spec=wf_spec, variable=variable, path=path, version=version, order=order)
        asked |= filters
        return self._pages(WfRunHead, Call(method="GET", path=PATH, params=asked))

    @lists
    def find_task_runs(
        self,
        *,
        q: str | None = None,
        namespace: str | None = None,
        wf_spec: str | None = None,
        task: str | None = None,
        task_def: str | None = None,
        state: Sequence[str] = (),
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        label: Sequence[str] = (),
        trigger_wf_run_id: str | None = None,
        child_filter: Literal["CHILD", "MAIN"] | None = None,
    ) -> Feed[TaskRunShown]:
        """Task runs of all runs, newest first within each window that the server looks at. Filters
        are those of the API: `label` as `<key>:<value>`, `task` the node, `q` words in any name.
        """
        asked = given(
            q=q,
            namespace=namespace,
            wf_spec=wf_spec,
            task=task,
            task_def=task_def,
            state=list(state) or None,
            start_date=api.time_text(start_date),
            end_date=api.time_text(end_date),
            label=list(label) or None,
            trigger_wf_run_id=trigger_wf_run_id,
            child_filter=child_filter,
        )
        return self._pages(TaskRunShown, Call(method="GET", path="/v1/task-runs", params=asked))

    @asks
    def call(self, call: Call) -> Exchange[api.Reply]:
        """Any other request of the API, with the same retries."""
        return self.connection.ask(call)

    def _start(
        self,
        workflow: Workflow[..., Any] | str,
        variables: Json,
        **fields: Any,
    ) -> Exchange[str]:
        """Start a run; its id."""
        name, plain = plain_variables(workflow, variables)
        command_id = api.new_command_id()
        wf_run_id = fields.pop("wf_run_id") or wf_run_id_of(self.tenant, command_id)
        body = given(wf_spec=name, wf_run_id=wf_run_id, variables=plain, **fields)
        of = of_run(fields["parent"] or wf_run_id)
        call = Call(method="POST", path=PATH, body=body, command_id=command_id, of=of)
        return (yield from self._ask(RunStarted, call)).wf_run_id


class Client(_Client[Blocking]):
    """A connection to a Penstock server. May be used from many threads; close it, or use it in a
    `with`.

    A request that meets a server that is busy or away is sent again, with the same command id, for
    up to `deadline_s` seconds. What this client wrote, it also reads. `api_key` is the credential;
    without it that of PENSTOCK_API_KEY is taken. `transport` is what carries the requests in place
    of a connection, as in `penstock.testing`.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        tenant: str = "default",
        deadline_s: float = 30.0,
        api_key: str | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        super().__init__(Blocking(url or url_default(), tenant, deadline_s, api_key, transport))

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
        self.connection.close()

    @overload
    def run(
        self,
        workflow: Workflow[..., R],
        inputs: Mapping[str, Any] | None = None,
        /,
        *,
        wf_run_id: str | None = None,
        version: int | None = None,
        labels: Mapping[str, str] | None = None,
        parent: str | None = None,
        **variables: Any,
    ) -> RunHandle[R]: ...
    @overload
    def run(
        self,
        workflow: str,
        inputs: Mapping[str, Any] | None = None,
        /,
        *,
        wf_run_id: str | None = None,
        version: int | None = None,
        labels: Mapping[str, str] | None = None,
        parent: str | None = None,
        **variables: Any,
    ) -> RunHandle[Any]: ...
    def run(
        self,
        workflow: Workflow[..., Any] | str,
        inputs: Mapping[str, Any] | None = None,
        /,
        *,
        wf_run_id: str | None = None,
        version: int | None = None,
        labels: Mapping[str, str] | None = None,
        parent: str | None = None,
        **variables: Any,
    ) -> RunHandle[Any]:
        """Start a run. With an id of your own it is idempotent: the same start again is the same
        run, and starts none for a day if that has been deleted. Variables are named, or given as
        a mapping. Below a `parent` the run's id is `<parent>.<wf_run_id>`.
        """
        whole_id = self.connection.do(
            self._start(
                workflow,
                {**(inputs or {}), **variables},
                wf_run_id=wf_run_id,
                version=version,
                labels=labels,
                parent=parent,
            )
        )
        return RunHandle(self.connection, whole_id, _return_hint(workflow))

    def handle(self, wf_run_id: str) -> RunHandle[Any]:
        """A handle of a run that was started elsewhere."""
        return RunHandle(self.connection, wf_run_id)


class AsyncClient(_Client[Awaiting]):
    """What Client is, awaited. Close it, or use it in an `async with`.

    The same methods: what gives an answer there is awaited here, and what gives an iterator there
    is one for `async for` here.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        tenant: str = "default",
        deadline_s: float = 30.0,
        api_key: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(Awaiting(url or url_default(), tenant, deadline_s, api_key, transport))

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self.connection.close()

    @overload
    async def run(
        self,
        workflow: Workflow[..., R],
        inputs: Mapping[str, Any] | None = None,
        /,
        *,
        wf_run_id: str | None = None,
        version: int | None = None,
        labels: Mapping[str, str] | None = None,
        parent: str | None = None,
        **variables: Any,
    ) -> AsyncRunHandle[R]: ...
    @overload
    async def run(
        self,
        workflow: str,
        inputs: Mapping[str, Any] | None = None,
        /,
        *,
        wf_run_id: str | None = None,
        version: int | None = None,
        labels: Mapping[str, str] | None = None,
        parent: str | None = None,
        **variables: Any,
    ) -> AsyncRunHandle[Any]: ...
    async def run(
        self,
        workflow: Workflow[..., Any] | str,
        inputs: Mapping[str, Any] | None = None,
        /,
        *,
        wf_run_id: str | None = None,
        version: int | None = None,
        labels: Mapping[str, str] | None = None,
        parent: str | None = None,
        **variables: Any,
    ) -> AsyncRunHandle[Any]:
        """See Client."""
        whole_id = await self.connection.do(
            self._start(
                workflow,
                {**(inputs or {}), **variables},
                wf_run_id=wf_run_id,
                version=version,
                labels=labels,
                parent=parent,
            )
        )
        return AsyncRunHandle(self.connection, whole_id, _return_hint(workflow))

    def handle(self, wf_run_id: str) -> AsyncRunHandle[Any]:
        """A handle of a run that was started elsewhere."""
        return AsyncRunHandle(self.connection, wf_run_id)


def _return_hint(workflow: Workflow[..., Any] | str) -> Any:
    return workflow.return_hint if isinstance(workflow, Workflow) else hints.UNKNOWN
