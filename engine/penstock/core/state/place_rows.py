"""Places: a spec may say how many of its runs may be at work at once; each of these has a place.

A run keeps what has become of its own (Place). On the partition of the limit lie who has one or
waits for one (PlaceHolder), the queue of those who wait (QueuedRun), and how many have one
(LimitState): that is derived from the holders, and changes in the turn in which they do.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from penstock.core.state.keys import Scope
from penstock.core.state.rows import Row


class LimitBehavior(StrEnum):
    """What becomes of a run for which there is no place: it waits, or ends; the two ways to end
    differ in what they are called.
    """

    QUEUE = "QUEUE"
    CANCEL = "CANCEL"
    FAIL = "FAIL"


class PlaceStatus(StrEnum):
    """What has become of a run's place. One that was WITHDRAWN had not been granted yet."""

    ASKED = "ASKED"
    GRANTED = "GRANTED"
    REFUSED = "REFUSED"
    WITHDRAWN = "WITHDRAWN"
    GIVEN_BACK = "GIVEN_BACK"


class Place(Struct, array_like=True, frozen=True, gc=False):
    """A run's place. `number` counts how often the run has asked, so that an answer to an earlier
    time is not taken for one to this. `waited`: once none was free when it asked.
    """

    limit_key: str
    number: int
    status: PlaceStatus
    refusal: LimitBehavior | None = None
    waited: bool = False


class Claim(StrEnum):
    """What a run says to the partition of its limit. FORCE: if it waits for a place, it is to have
    one, whether there is one or not. TAKE: it has one from now on.
    """

    ASK = "ASK"
    FORCE = "FORCE"
    TAKE = "TAKE"
    GIVE_BACK = "GIVE_BACK"


class PlaceNews(Struct, frozen=True):
    """What the partition of a limit is to be told; `ask` is which time of which run."""

    wf_spec: str
    limit_key: str
    wf_run_id: str
    ask: str
    claim: Claim


class LimitState(Row):
    """A limit of which places are held or wanted: how many are held, and the number that was given
    last in its queue. It is there as long as there is a holder.
    """

    KIND, SCOPE, KEY = b"C", Scope.PARTITION, ("tenant", "wf_spec", "limit_key")
    SCANNED = True

    tenant: str
    wf_spec: str
    limit_key: str
    granted: int = 0
    last: int = 0


class PlaceHolder(Row):
    """A run that has a place, or waits for one under a number of the queue."""

    KIND, SCOPE, KEY = b"G", Scope.PARTITION, ("tenant", "wf_spec", "limit_key", "wf_run_id")

    tenant: str
    wf_spec: str
    limit_key: str
    wf_run_id: str
    ask: str
    granted: bool
    number: int = 0


class QueuedRun(Row):
    """The queue of a limit, in the order of asking."""

    KIND, SCOPE, KEY = b"Q", Scope.PARTITION, ("tenant", "wf_spec", "limit_key", "number")
    SCANNED = True

    tenant: str
    wf_spec: str
    limit_key: str
    number: int
    wf_run_id: str


ROWS_OF_LIMITS: tuple[type[Row], ...] = (LimitState, PlaceHolder, QueuedRun)
