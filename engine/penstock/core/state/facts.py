"""Facts: a status that an object came to have, and when; what an operator did to a run. The rows in
which they are kept beside the object's own.
"""

from __future__ import annotations

from msgspec import Struct

from penstock.core.state.keys import Scope
from penstock.core.state.rows import Row
from penstock.core.values.value import Value


class Fact(Struct, array_like=True, frozen=True, gc=False):
    """A status that an object came to have, and when."""

    status: str
    at_ms: int


class HistoryChunk(Row):
    """Older facts of an object of a run, in order; `number` counts 0, 1, 2 for each object."""

    KIND, SCOPE, KEY = b"H", Scope.RUN, ("tenant", "wf_run_id", "subject", "number")

    tenant: str
    wf_run_id: str
    subject: str
    number: int
    facts: tuple[Fact, ...]


class AuditEntry(Row):
    """What an operator did to a run: the verb, who, when, and what was asked for; if it was one of
    many runs, in which bulk job. `index` tells entries of one turn apart.
    """

    KIND, SCOPE, KEY = b"A", Scope.RUN, ("tenant", "wf_run_id", "offset", "index")

    tenant: str
    wf_run_id: str
    offset: int
    verb: str
    principal: str
    at_ms: int
    detail: Value
    index: int = 0
    bulk_id: str | None = None
