"""What each route that only reads needs leave for. What sends a command needs what the command does
(core/permissions.py), and Engine.send asks for it.

Rule: leave for all of a resource, by whatever name, unless the route is in FINE: there the path has
the name, or the handler leaves out what the caller may not see.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from starlette.requests import Request

from penstock.core.definitions.principals import Action, Resource
from penstock.gateway.auth import Caller

OPEN: Final = frozenset({"/openapi.json", "/healthz", "/readyz", "/v1/webhooks/{name}/{key}"})
"""Routes that ask for no credential: a webhook has its key in its address."""

ASKED_FOR_NOTHING: Final = frozenset({"/v1/whoami", "/v1/quota"})
"""Routes that need a credential, and no leave."""

RESOURCE_OF: Final[dict[str, Resource]] = {
    "/metrics": Resource.CLUSTER,
    "/v1/applications": Resource.APPLICATION,
    "/v1/api-keys": Resource.PRINCIPAL,
    "/v1/bulk": Resource.WORKFLOW,
    "/v1/changes": Resource.WORKFLOW,
    "/v1/cluster": Resource.CLUSTER,
    "/v1/correlated-events": Resource.EXTERNAL_EVENT,
    "/v1/counts": Resource.WORKFLOW,
    "/v1/dead-letters": Resource.CLUSTER,
    "/v1/doctor": Resource.CLUSTER,
    "/v1/drain": Resource.CLUSTER,
    "/v1/expressions": Resource.WORKFLOW,
    "/v1/external-event-defs": Resource.EXTERNAL_EVENT,
    "/v1/external-events": Resource.EXTERNAL_EVENT,
    "/v1/gone-addresses": Resource.APPLICATION,
    "/v1/node-runs": Resource.WORKFLOW,
    "/v1/principals": Resource.PRINCIPAL,
    "/v1/quotas": Resource.QUOTA,
    "/v1/schedules": Resource.WORKFLOW,
    "/v1/snapshots": Resource.CLUSTER,
    "/v1/struct-defs": Resource.STRUCT,
    "/v1/task-defs": Resource.TASK,
    "/v1/tenants": Resource.TENANT,
    "/v1/task-metrics": Resource.WORKFLOW,
    "/v1/task-queues": Resource.TASK,
    "/v1/task-runs": Resource.WORKFLOW,
    "/v1/tasks": Resource.TASK,
    "/v1/user-task-defs": Resource.USER_TASK,
    "/v1/user-task-runs": Resource.USER_TASK,
    "/v1/verify": Resource.CLUSTER,
    "/v1/webhook-deliveries": Resource.WORKFLOW,
    "/v1/webhooks": Resource.WEBHOOK,
    "/v1/wf-runs": Resource.WORKFLOW,
    "/v1/wf-specs": Resource.WORKFLOW,
    "/v1/workflow-event-defs": Resource.WORKFLOW_EVENT,
    "/v1/workflow-events": Resource.WORKFLOW,
}
"""By how the path begins."""

OTHERWISE: Final[dict[str, tuple[Action, Resource]]] = {
    "POST /v1/dead-letters/{number:whole}/retry": (Action.RUN, Resource.CLUSTER),
    "POST /v1/drain": (Action.RUN, Resource.CLUSTER),
    "POST /v1/snapshots": (Action.RUN, Resource.CLUSTER),
    "POST /v1/task-queues/{task_def}/poll": (Action.RUN, Resource.TASK),
    "POST /v1/tasks/stops": (Action.RUN, Resource.TASK),
    **dict.fromkeys(
        (
            "GET /v1/external-events",
            "GET /v1/applications/{application}/workflows",
            "GET /v1/applications/{application}/workflows/{workflow}",
        ),
        (Action.READ, Resource.WORKFLOW),
    ),
    "GET /v1/applications/{application}/workflows/{workflow}/webhook": (
        *(Action.READ, Resource.WEBHOOK),
    ),
}
"""Routes that are no reads, or of another resource than others that begin so."""

NAMED_BY: Final = {
    **{f"{path}/{{name}}": "name" for path in RESOURCE_OF if path.endswith(("-defs", "-specs"))},
    **dict.fromkeys(
        (
            *("/v1/applications/{name}", "/v1/webhooks/{name}"),
            *("/v1/principals/{name}", "/v1/tenants/{name}"),
        ),
        "name",
    ),
    **{
        f"/v1/{kind}/{{name}}/counts": "name"
        for kind in ("wf-specs", "task-defs", "user-task-defs")
    },
    "/v1/struct-defs/{name}/validate": "name",
    "/v1/quotas/{tenant}": "tenant",
    "/v1/correlated-events/{event_def}/{key}": "event_def",
    "/v1/task-queues/{task_def}": "task_def",
    "/v1/task-queues/{task_def}/follow": "task_def",
    "/v1/task-queues/{task_def}/workers": "task_def",
    "/v1/task-queues/{task_def}/poll": "task_def",
    "/v1/task-queues/{task_def}/breaker": "task_def",
}
"""Which part of a path is the name that a grant may name."""

FINE: Final = frozenset(
    {
        *(path for path in RESOURCE_OF if path.endswith(("-defs", "-specs"))),
        *("/v1/applications", "/v1/webhooks", "/v1/principals", "/v1/tenants", "/v1/quotas"),
        *("/v1/schedules", "/v1/schedules/{schedule_id}", "/v1/task-queues"),
        *("/v1/node-runs", "/v1/external-events", "/v1/workflow-events", "/v1/correlated-events"),
        *("/v1/wf-runs", "/v1/task-runs", "/v1/task-runs/per-day"),
        *("/v1/task-metrics", "/v1/task-metrics/per-bucket"),
        *("/v1/user-task-runs", "/v1/webhook-deliveries", "/v1/webhook-deliveries/poll"),
        *("/v1/expressions/evaluate", "/v1/tasks/stops", "/v1/changes/follow"),
        "/v1/changes/wf-runs/follow",
        *("/v1/counts/wf-runs", "/v1/counts/task-runs", "/v1/counts/node-runs"),
        *("/v1/counts/external-events", "/v1/counts/workflow-events"),
    }
)
"""Routes whose handlers leave out, or refuse to show, what has not a name that may be read."""
OF_ONE_FINE: Final = ("/v1/wf-runs/{wf_run_id}", "/v1/user-task-runs/{wf_run_id}")
"""All below these: see view_of_run, and the user tasks' own."""


class Access(Struct, frozen=True):
    """Leave that a route needs: for what has the name in this part of the path; or, if it is fine,
    for some; or else for all.
    """

    action: Action
    resource: Resource
    named_by: str | None = None
    fine: bool = False

    def check(self, caller: Caller, request: Request) -> None:
        """Refuse a caller who has it not; raises Denied."""
        if self.named_by is not None:
            caller.check(self.action, self.resource, request.path_params[self.named_by])
        elif self.fine:
            caller.check_some(self.action, self.resource)
        else:
            caller.check(self.action, self.resource)


def beginning_of(path: str) -> str:
    """The part of a path that says which resource it is."""
    return "/".join(path.split("/")[:3])


def access_of(method: str, path: str) -> Access:
    """What a route needs. One that nobody has thought of is the cluster's; a test misses it."""
    resource = RESOURCE_OF.get(beginning_of(path), Resource.CLUSTER)
    action, resource = OTHERWISE.get(f"{method} {path}", (Action.READ, resource))
    fine = path in FINE or path.startswith(OF_ONE_FINE)
    return Access(action, resource, NAMED_BY.get(path), fine)
