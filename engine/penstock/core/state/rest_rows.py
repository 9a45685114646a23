"""What a run waits for besides work of its own: that somebody says how it goes on, that a time has
passed, that another attempt is made. It is noted as a fact of the run, so that who looks at a run
need not look at all that it consists of.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from penstock.core.state.facts import Fact
from penstock.core.state.keys import Scope
from penstock.core.state.rows import Row


class Rest(StrEnum):
    """WAIT: for an event, a person, the next round of a loop, or a run below that waits or is
    halted. RETRY: something has failed, and is to be tried again.
    """

    WAIT = "WAIT"
    RETRY = "RETRY"


AT_WORK: Final = "AT_WORK"
"""Nothing of a run rests; the status that RunRests has besides those of Rest."""


class RunRests(Row):
    """How many node runs of a run wait, and how many wait for a retry; its history has what the run
    was like over time, where a retry counts before a wait. A run that never rests has none.
    """

    KIND, SCOPE, KEY = b"I", Scope.RUN, ("tenant", "wf_run_id")

    tenant: str
    wf_run_id: str
    waits: int = 0
    retries: int = 0
    history: tuple[Fact, ...] = ()
    spilled: int = 0

    @property
    def status(self) -> str:
        """What the run is like now."""
        if self.retries:
            return Rest.RETRY
        return Rest.WAIT if self.waits else AT_WORK
