"""Rows by which runs are found: by values of their variables, and by when they began."""

from __future__ import annotations

from penstock.core.limits import DATE_MS_MAX
from penstock.core.state.keys import Scope
from penstock.core.state.rows import Row


class VariableOf(Row):
    """Finds variables by WfSpec, name and value; `digest` stands for the path and the value that
    lies there, so that a key is short whatever the value, and shows none. In the fold a bulk job
    looks at those of one run at a time.
    """

    SCANNED = True

    KIND, SCOPE, KEY = (
        b"Y",
        Scope.PARTITION,
        ("tenant", "wf_spec", "name", "digest", "wf_run_id", "thread"),
    )

    tenant: str
    wf_spec: str
    name: str
    digest: str
    wf_run_id: str
    thread: int


class IndexedVariable(Row):
    """By what a variable is found now. It goes with its run, and takes the rows that find it along,
    whatever has become of the spec meanwhile.
    """

    KIND, SCOPE, KEY = b"Y", Scope.RUN, ("tenant", "wf_run_id", "thread", "name")

    tenant: str
    wf_run_id: str
    thread: int
    name: str
    wf_spec: str
    digests: tuple[str, ...]


class RunBegun(Row):
    """Finds runs by when they began, the newest first: `ahead_ms` is the time from then to the end
    of all dates. One for each run, and all of it is its key. Only queries read it.
    """

    KIND, SCOPE, KEY = b"z", Scope.PARTITION, ("tenant", "ahead_ms", "wf_run_id")

    tenant: str
    ahead_ms: int
    wf_run_id: str

    @classmethod
    def of(cls, tenant: str, wf_run_id: str, began_ms: int) -> RunBegun:
        """That of a run."""
        return cls(tenant, ahead_of(began_ms), wf_run_id)


def ahead_of(began_ms: int) -> int:
    """What is the less, the later it is."""
    return min(max(DATE_MS_MAX - began_ms, 0), DATE_MS_MAX)
