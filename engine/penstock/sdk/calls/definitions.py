"""Definitions that are registered: get them, list them, delete them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar, Unpack

from penstock.contracts.answers import definitions as shapes
from penstock.contracts.answers.common import Items
from penstock.contracts.answers.measured import CountBucket, CountsShown
from penstock.contracts.filters import DefinitionFilters, InTime
from penstock.sdk.api import Call, Exchange, below, command, filters, given
from penstock.sdk.connection import Feed
from penstock.sdk.register import OF_DEFINITIONS
from penstock.sdk.subject import C, Subject, asks, lists

D = TypeVar("D")
L = TypeVar("L")
T = TypeVar("T")


class _Kind(Subject[C], Generic[C, D, L]):
    """One kind of definition: what one looks like, and how it stands in a list."""

    def __init__(self, connection: C, path: str, one: type[D], listed: type[L]) -> None:
        super().__init__(connection)
        self._path = path
        self._one = one
        self._listed = listed

    def _list(self, which: Mapping[str, Any]) -> Feed[L]:
        call = Call(method="GET", path=self._path, params=filters(which), of=OF_DEFINITIONS)
        return self._pages(self._listed, call)

    def _get(self, name: str, **params: Any) -> Exchange[D]:
        path = below(self._path, name)
        call = Call(method="GET", path=path, params=given(**params), of=OF_DEFINITIONS)
        return self._ask(self._one, call)

    def _delete(self, name: str, told: type[T], **params: Any) -> Exchange[T]:
        path = below(self._path, name)
        return self._ask(told, command("DELETE", path, None, of=OF_DEFINITIONS, params=params))


class Definitions(_Kind[C, D, D]):
    """Definitions that are replaced when they change."""

    @lists
    def list(self, **which: Unpack[DefinitionFilters]) -> Feed[D]:
        """All of them, by name, or those whose names begin with a `prefix`."""
        return self._list(which)

    @asks
    def get(self, name: str) -> Exchange[D]:
        """One of them."""
        return self._get(name)

    @asks
    def delete(self, name: str) -> Exchange[shapes.Named]:
        """Delete one."""
        return self._delete(name, shapes.Named)


class Versions(_Kind[C, D, shapes.Latest]):
    """Definitions that have versions."""

    @lists
    def list(self, **which: Unpack[DefinitionFilters]) -> Feed[shapes.Latest]:
        """All of them, by name, or those whose names begin with a `prefix`."""
        return self._list(which)

    @asks
    def get(self, name: str, version: int | None = None) -> Exchange[D]:
        """A version, the newest if none is named."""
        return self._get(name, version=version)

    @asks
    def delete(self, name: str, version: int) -> Exchange[shapes.NamedVersion]:
        """Delete one version."""
        return self._delete(name, shapes.NamedVersion, version=version)


class Counted(Subject[C]):
    """Definitions of which it is counted what has become of what is made by them."""

    _path: str

    @asks
    def counts(
        self,
        name: str,
        bucket: CountBucket = "hour",
        **when: Unpack[InTime],
    ) -> Exchange[list[CountsShown]]:
        """What has become of its runs, of its tasks and their attempts, or of its user tasks: how
        often each thing has happened and how long it took, by time.
        """
        path = below(self._path, name, "counts")
        params = {"bucket": bucket, **filters(when)}
        return self._all(CountsShown, Call(method="GET", path=path, params=params))


class TaskDefs(Definitions[C, shapes.TaskDefShown], Counted[C]):
    """TaskDefs, and what has become of their tasks."""

    def __init__(self, connection: C) -> None:
        super().__init__(connection, "/v1/task-defs", shapes.TaskDefShown, shapes.TaskDefShown)

    @asks
    def workers(self, name: str) -> Exchange[Sequence[shapes.WorkerShown]]:
        """The workers of a TaskDef: who has asked for its tasks in the last minute, and who reads
        its topic.
        """
        call = Call(method="GET", path=below("/v1/task-queues", name, "workers"))
        return (yield from self._ask(Items[shapes.WorkerShown], call)).items


class UserTaskDefs(Versions[C, shapes.UserTaskDefShown], Counted[C]):
    """UserTaskDefs, and what has become of their user tasks."""

    def __init__(self, connection: C) -> None:
        super().__init__(connection, "/v1/user-task-defs", shapes.UserTaskDefShown, shapes.Latest)


class StructDefs(Definitions[C, shapes.StructDefShown]):
    """StructDefs."""

    def __init__(self, connection: C) -> None:
        super().__init__(
            connection, "/v1/struct-defs", shapes.StructDefShown, shapes.StructDefShown
        )

    @asks
    def validate(
        self, name: str, fields: Any, *, description: str = "", allowed_updates: str | None = None
    ) -> Exchange[shapes.StructDefTried]:
        """Whether a StructDef with these fields, as the API has them, would be accepted, and as
        which version; nothing is registered.
        """
        body = given(fields=fields, description=description, allowed_updates=allowed_updates)
        path = below(self._path, name, "validate")
        call = Call(method="POST", path=path, body=body, reads=True, of=OF_DEFINITIONS)
        return self._ask(shapes.StructDefTried, call)


class WfSpecs(Versions[C, shapes.WfSpecShown], Counted[C]):
    """WfSpecs, and what has become of their runs."""

    def __init__(self, connection: C) -> None:
        super().__init__(connection, "/v1/wf-specs", shapes.WfSpecShown, shapes.Latest)

    @asks
    def using(self, task_def: str, *, prefix: str | None = None) -> Exchange[Sequence[str]]:
        """The names of those whose newest version uses a TaskDef."""
        params = given(task_def=task_def, prefix=prefix)
        call = Call(method="GET", path=self._path, params=params, of=OF_DEFINITIONS)
        return [one.name for one in (yield from self._all(shapes.Latest, call))]


class Registered(Subject[C]):
    """What a client has of each kind."""

    def __init__(self, connection: C) -> None:
        super().__init__(connection)
        self.wf_specs = WfSpecs(connection)
        self.user_task_defs = UserTaskDefs(connection)
        self.task_defs = TaskDefs(connection)
        self.external_event_defs = Definitions(
            connection,
            "/v1/external-event-defs",
            shapes.ExternalEventDefShown,
            shapes.ExternalEventDefShown,
        )
        self.workflow_event_defs = Definitions(
            connection,
            "/v1/workflow-event-defs",
            shapes.WorkflowEventDefShown,
            shapes.WorkflowEventDefShown,
        )
        self.struct_defs = StructDefs(connection)
        self.applications = Definitions(
            connection, "/v1/applications", shapes.ApplicationShown, shapes.ApplicationShown
        )
