"""A run's recording as it may leave the server: without what is masked, with the run's own story,
and whether it tells that story when it is folded.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import structs

from penstock.core.errors import Code, refuse
from penstock.core.state.run import WfRun
from penstock.gateway.past import Sees, check_sees
from penstock.gateway.render import Json
from penstock.gateway.stories import parting, story_of
from penstock.gateway.unmasked import unmasked
from penstock.processor.past import Past
from penstock.processor.past_records import PastUnknown
from penstock.processor.recording import as_json, record
from penstock.processor.refold import refolded

RECORDING_BYTES_MAX: Final = 8 * 1024 * 1024
OUTPUTS: Final = ("output", "failure")  # made of what is masked, maybe
PARTS: Final = "the recording parts from what happened"
SHARED: Final = (
    "its way hung on what it shares with others (a limit, a breaker, a schedule, a definition that"
    " has changed), or on what is masked"
)


def recording_of(past: Past, tenant: str, wf_run_id: str, sees: Sees) -> Json:
    """The recording and the story; `parts` says where the two differ, if they do."""
    made, found = record(past, tenant, wf_run_id)
    check_sees(sees, found.specs, wf_run_id)
    if found.rows.peek(WfRun, tenant, wf_run_id) is None:
        refuse(Code.WF_RUN_UNKNOWN, f"there is no WfRun {wf_run_id!r}")
    made, masked = unmasked(made, found.rows)  # by all definitions: the fold may not come to some
    world = refolded(made)
    read = tuple(one for one in made.definitions if one.row.own_key() in world.read)
    written = as_json(structs.replace(made, definitions=read))
    size = len(msgspec.json.encode(written))
    if size > RECORDING_BYTES_MAX:
        raise PastUnknown(f"the recording has {size} bytes; {RECORDING_BYTES_MAX} are written down")
    told, again = (story_of(rows, tenant, wf_run_id) for rows in (found.rows, world.rows))
    parts = parting(told, again, but=OUTPUTS if masked else ())
    where = None if parts is None else f"{PARTS} at step {parts.step + 1}: {SHARED}"
    return {**written, "history": told, "masked": masked, "parts": where}


def recording_as_of(
    past: Past, tenant: str, wf_run_id: str, at: str | None, number: int, sees: Sees
) -> Json:
    """The same, for a route: a recording is always of all that there was."""
    assert at is None and number == past.shard.partition, "the route takes no moment"
    return recording_of(past, tenant, wf_run_id, sees)
