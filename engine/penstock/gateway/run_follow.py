"""What is told of runs that have changed, to who follows a search: each as a list would show it, or
that the search does not find it any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.core.definitions.principals import Action, Resource
from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.state.run import WfRun
from penstock.gateway.auth import Caller
from penstock.gateway.dialects import Dialect
from penstock.gateway.newest_runs import RunSearch
from penstock.gateway.sent_events import event
from penstock.gateway.shown_runs import ShownRuns

TOLD_MAX: Final = 10_000
LEFT: Final = 0


class FollowedRuns:
    """Remembers what it has told of the newest runs, so that nothing is told twice in a row."""

    def __init__(self, dialect: Dialect, asked: RunSearch, shown: ShownRuns) -> None:
        self._shown = shown
        self._dialect = dialect
        self._asked = asked
        self._told: dict[str, int] = {}

    def begin(self) -> None:
        """Something may have been missed: what was told before says nothing of what is so now."""
        self._told.clear()

    def look(self, caller: Caller, changed: Mapping[str, int]) -> list[bytes]:
        """The events about these runs, which have changed, with the numbers of their changes."""
        found = (self._event(caller, *one) for one in changed.items())
        return [one for one in found if one is not None]

    def _event(self, caller: Caller, wf_run_id: str, number: int) -> bytes | None:
        shown = self._shown.at(caller.tenant, wf_run_id, number)
        run = shown.run
        if run is not None and self._might_be_found(caller, run, shown.spec):
            if self._asked.wants_status(run):
                return self._unless_told(wf_run_id, *self._shown.told(shown, self._dialect))
            is_left = True
        else:
            is_left = run is None and caller.may(Action.READ, Resource.WORKFLOW, None)
        if not is_left and wf_run_id not in self._told:
            return None
        return self._unless_told(wf_run_id, LEFT, event("left", {"wf_run_id": wf_run_id}))

    def _might_be_found(self, caller: Caller, run: WfRun, spec: WfSpec | None) -> bool:
        """Whether the search finds it, in one status or another, for this caller."""
        if not caller.sees(Resource.WORKFLOW, run.wf_spec):
            return False
        wanted = spec is not None and self._asked.wants_run(run, spec)
        return wanted and self._asked.wants_whatever_its_status(run)

    def _unless_told(self, wf_run_id: str, what: int, told: bytes) -> bytes | None:
        known = self._told.pop(wf_run_id, None)
        self._told[wf_run_id] = what
        if len(self._told) > TOLD_MAX:
            del self._told[next(iter(self._told))]
        return None if known == what else told
