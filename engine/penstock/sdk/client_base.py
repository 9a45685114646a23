"""What both clients have: register definitions, find runs, and all that has a name of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, Unpack

import msgspec

from penstock.contracts.answers.common import Counted
from penstock.contracts.answers.definitions import Named, QueueShown
from penstock.contracts.answers.events import ExternalEventFound, WorkflowEventFound
from penstock.contracts.answers.runs import (
    NodeRunFound,
    TaskRunShown,
    WfRunHead,
)
from penstock.contracts.answers.told import RunStarted
from penstock.contracts.filters import (
    ExternalEventFilters,
    NodeRunFilters,
    RunFilters,
    RunSearch,
    TaskRunFilters,
    WorkflowEventFilters,
)
from penstock.core.ids import wf_run_id_of
from penstock.sdk import api, deploy
from penstock.sdk.api import Call, Exchange, Json, given
from penstock.sdk.calls.bulk import Bulk
from penstock.sdk.calls.definitions import Registered
from penstock.sdk.calls.events import Events
from penstock.sdk.calls.letters import Letters
from penstock.sdk.calls.metrics import Metrics
from penstock.sdk.calls.run_reads import PATH, of_run
from penstock.sdk.calls.schedules import Schedules
from penstock.sdk.calls.task_queues import TaskQueues
from penstock.sdk.calls.tenants import Quotas, Tenants
from penstock.sdk.calls.user_tasks import UserTasks
from penstock.sdk.connection import Feed
from penstock.sdk.errors import InvalidRequest
from penstock.sdk.news import NEWS, RunNews
from penstock.sdk.register import OF_DEFINITIONS, PATHS, definitions_of, placed
from penstock.sdk.subject import C, asks, lists
from penstock.sdk.tail import Tail
from penstock.sdk.task import TaskDef
from penstock.sdk.workflow import Workflow, plain_variables

T = TypeVar("T")


class ClientBase(Registered[C]):
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
        self.task_queues = TaskQueues(connection)

    # Definitions.

    @asks
    def register(self, *definitions: TaskDef[..., Any] | Workflow[..., Any]) -> Exchange[None]:
        """Register tasks and workflows; a workflow brings its own tasks and events with it.

        The same definition again changes nothing. A workflow that has changed becomes a new
        version. Raises InvalidRequest for one that can not be, with the lines that made it so.

        >>> client.register(greeting)
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
        """Register an application, or change where it takes webhooks.

        >>> client.put_application("shop", "https://shop.example/hooks")
        """
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

        >>> client.put_application("post", "https://post.example/hooks")
        >>> client.put_workflow("post", "notify")
        'post.notify'
        """
        body = given(name=name, tasks=list(tasks), retry=retry and dict(retry))
        path = api.below("/v1/applications", application, "workflows")
        return (yield from self._ask(Named, api.command("PUT", path, body, of=OF_DEFINITIONS))).name

    @asks
    def deploy(self, flow: str) -> Exchange[deploy.Deployed]:
        """Register a flow, given as YAML, and what it needs. The same flow again changes nothing.

        Raises FlowError with all mistakes, each with its line and column.

        >>> client.deploy('''
        ... id: evening
        ... namespace: company.team
        ... tasks:
        ...   - {id: say, type: log, message: good night}
        ... ''').name
        'company.team.evening'
        """
        return deploy.deploy(self.connection, flow)

    # Searches.

    @lists
    def find_runs(self, *, newest: bool = False, **which: Unpack[RunSearch]) -> Feed[WfRunHead]:
        """Runs: those that the filters name, newest first; without filters all, in the order of
        their ids, or `newest` first. Those with values in searchable variables of a WfSpec, each
        a `variable` written as `<name>:<value>`, come in the order of their ids, too.

        >>> run = client.run(greeting, name="Eve", wf_run_id="greeting-2")
        >>> [found.wf_run_id for found in client.find_runs(wf_spec="greeting", variable="name:Eve")]
        ['greeting-2']
        """
        order = {"order": "newest"} if newest else {}
        asked = api.filters(which) | order
        return self._pages(WfRunHead, Call(method="GET", path=PATH, params=asked))

    @lists
    def find_task_runs(self, **which: Unpack[TaskRunFilters]) -> Feed[TaskRunShown]:
        """Task runs of all runs, newest first within each window that the server looks at. Filters
        are those of the API: `label` as `<key>:<value>`, `task` the node, `q` words in any name.

        >>> client.run(greeting, name="Ada").result(timeout=30)
        'Hello, Ada'
        >>> found = next(client.find_task_runs(task_def="greet", status=["TASK_SUCCESS"]))
        >>> found.attempts[0].output
        'Hello, ...'
        """
        return self._in_runs(TaskRunShown, "/v1/task-runs", which)

    @lists
    def find_node_runs(self, **which: Unpack[NodeRunFilters]) -> Feed[NodeRunFound]:
        """Node runs of all runs, as task runs are found.

        >>> client.run(greeting, name="Ada").result(timeout=30)
        'Hello, Ada'
        >>> next(client.find_node_runs(wf_spec="greeting", type="TASK")).node
        '1-greet'
        """
        return self._in_runs(NodeRunFound, "/v1/node-runs", which)

    @lists
    def find_external_events(
        self, **which: Unpack[ExternalEventFilters]
    ) -> Feed[ExternalEventFound]:
        """Events that were put to runs, as task runs are found.

        >>> list(client.find_external_events(event_def="nobody-has-put-it"))
        []
        """
        return self._in_runs(ExternalEventFound, "/v1/external-events", which)

    @lists
    def find_workflow_events(
        self, **which: Unpack[WorkflowEventFilters]
    ) -> Feed[WorkflowEventFound]:
        """Events that runs have thrown, as task runs are found.

        >>> list(client.find_workflow_events(event_def="nobody-has-thrown-it"))
        []
        """
        return self._in_runs(WorkflowEventFound, "/v1/workflow-events", which)

    @asks
    def count_runs(
        self, *, cursor: str | None = None, **which: Unpack[RunSearch]
    ) -> Exchange[Counted]:
        """How many runs there are that the filters of `find_runs` name. The server looks at so much
        for one answer: if `lower_bound` is true there may be more, and its `cursor` has the rest
        counted.

        >>> run = client.run(greeting, name="Kay")
        >>> client.count_runs(wf_spec="greeting", variable="name:Kay").count
        1
        """
        return self._how_many("wf-runs", which, cursor)

    @asks
    def count_task_runs(
        self, *, cursor: str | None = None, **which: Unpack[TaskRunFilters]
    ) -> Exchange[Counted]:
        """How many task runs there are, as runs are counted.

        >>> client.count_task_runs(task_def="nobody-has-it").count
        0
        """
        return self._how_many("task-runs", which, cursor)

    @asks
    def count_node_runs(
        self, *, cursor: str | None = None, **which: Unpack[NodeRunFilters]
    ) -> Exchange[Counted]:
        """How many node runs there are, as runs are counted.

        >>> client.count_node_runs(wf_spec="greeting", node="nowhere").count
        0
        """
        return self._how_many("node-runs", which, cursor)

    @asks
    def count_external_events(
        self, *, cursor: str | None = None, **which: Unpack[ExternalEventFilters]
    ) -> Exchange[Counted]:
        """How many events there are that were put to runs, as runs are counted.

        >>> client.count_external_events(event_def="nobody-has-put-it").count
        0
        """
        return self._how_many("external-events", which, cursor)

    @asks
    def count_workflow_events(
        self, *, cursor: str | None = None, **which: Unpack[WorkflowEventFilters]
    ) -> Exchange[Counted]:
        """How many events there are that runs have thrown, as runs are counted.

        >>> client.count_workflow_events(event_def="nobody-has-thrown-it").count
        0
        """
        return self._how_many("workflow-events", which, cursor)

    @lists
    def follow_runs(self, **which: Unpack[RunFilters]) -> Tail[RunNews]:
        """Runs that the filters name, as they begin, change and are left, without end. Search, with
        `find_runs`, when the news are `begin`: what follows is newer.

        >>> news = client.follow_runs(wf_spec="greeting")
        >>> next(news).what
        'begin'
        """
        path, params = "/v1/changes/wf-runs/follow", api.filters(which)
        call = Call(method="GET", path=path, params=params)
        return Tail(call, NEWS, self.connection.deadline_s, retold=False)

    @lists
    def follow_queue(self, task_def: str) -> Tail[QueueShown]:
        """What waits in the queue of a TaskDef, at first and whenever it changes, without end.

        >>> next(client.follow_queue("greet")).task_def
        'greet'
        """
        call = Call(method="GET", path=api.below("/v1/task-queues", task_def, "follow"))
        queue = msgspec.json.Decoder(QueueShown)
        return Tail(call, {"queue": queue.decode}, self.connection.deadline_s, retold=False)

    def _in_runs(self, kind: type[T], path: str, which: Mapping[str, Any]) -> Feed[T]:
        return self._pages(kind, Call(method="GET", path=path, params=api.filters(which)))

    def _how_many(
        self, kind: str, which: Mapping[str, Any], cursor: str | None
    ) -> Exchange[Counted]:
        params = api.filters({**which, "cursor": cursor})
        call = Call(method="GET", path=api.below("/v1/counts", kind), params=params)
        return self._ask(Counted, call)

    @asks
    def call(self, call: Call) -> Exchange[api.Reply]:
        """Any other request of the API, with the same retries.

        >>> from penstock.sdk.api import Call
        >>> client.call(Call(method="GET", path="/v1/whoami")).body["tenant"]
        'default'
        """
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
        wf_run_id = fields.pop("wf_run_id") or wf_run_id_of(self.tenant or "", command_id)
        body = given(wf_spec=name, wf_run_id=wf_run_id, variables=plain, **fields)
        of = of_run(fields["parent"] or wf_run_id)
        call = Call(method="POST", path=PATH, body=body, command_id=command_id, of=of)
        return (yield from self._ask(RunStarted, call)).wf_run_id
