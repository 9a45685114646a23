"""Rows of a migration: the plan that a run follows on its way to another version of its WfSpec, and
what a thread was before.
"""

from __future__ import annotations

from msgspec import Struct

from penstock.core.state.keys import Scope
from penstock.core.state.rows import Row
from penstock.core.values.value import Value


class Former(Struct, array_like=True, frozen=True, gc=False):
    """What a thread was up to its node run at `until` (which is not included): a thread of this
    name, of this version. Its node runs of that time keep their names.
    """

    version: int
    thread_spec: str
    until: int


class Migration(Row):
    """The plan of a migration that is under way: to which version, and what threads (by their old
    name) and nodes (by the old names of both) are called there, where that is another name. The
    values of new variables are by the new names of threads.
    """

    KIND, SCOPE, KEY = b"G", Scope.RUN, ("tenant", "wf_run_id")

    tenant: str
    wf_run_id: str
    version: int
    threads: dict[str, str]
    nodes: dict[str, dict[str, str]]
    variables: dict[str, dict[str, Value]]
    command_id: str | None = None
    bulk_id: str | None = None


class UndecidedMigration(Row):
    """A migration that a bulk job has begun, and whose first pass was not over in the verb's turn;
    if it was refused then, why. The job counts the run when it is decided.
    """

    KIND, SCOPE, KEY = b"m", Scope.PARTITION, ("tenant", "bulk_id", "wf_run_id")
    SCANNED = True

    tenant: str
    bulk_id: str
    wf_run_id: str
    version: int
    code: str = ""
    message: str = ""
