"""Whether a run of a spec can stand below another run: what it inherits must be there, in the
version that the run above really follows, and in that to which it is just being migrated.
"""

from __future__ import annotations

from penstock.core.definitions.inheriting import inheriting_faults
from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.flow.moves import ENTRYPOINT_NUMBER
from penstock.core.flow.versions import version_of
from penstock.core.state.migration_rows import Migration
from penstock.core.state.rows import Rows
from penstock.core.state.run import ThreadRun, WfRun


def parent_fault(rows: Rows, spec: WfSpec, above: WfRun) -> str | None:
    """Why the run above can not be the parent of a run of this version; None if it can."""
    wanted = spec.body.parent
    if wanted is None:
        return None
    if above.wf_spec != wanted:
        return f"{above.wf_run_id!r} is a run of {above.wf_spec!r}"
    first = rows.peek(ThreadRun, above.tenant, above.wf_run_id, ENTRYPOINT_NUMBER)
    assert first is not None, "a run has an entrypoint"
    planned = rows.peek(Migration, above.tenant, above.wf_run_id)
    versions = (version_of(above, first), *([planned.version] if planned else []))
    for version in versions:
        followed = rows.peek(WfSpec, above.tenant, wanted, version)
        assert followed is not None, "a run's WfSpec stays while the run does"
        fault = next(inheriting_faults(spec.body, followed), None)
        if fault is not None:
            return f"for {above.wf_run_id!r}, in version {version}: {fault}"
    return None
