"""Places, as a run sees them: it asks for one where it begins, and gives it back when it ends,
whatever the end. Every way out of having asked, but for the answer, is told to the partition of
the limit, so that no place is lost.

What is to be told is noted in the turn, and sent before the turn ends (commands/claim_place.py).
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from penstock.core.ids import derive_guid
from penstock.core.state.place_rows import Claim, Place, PlaceNews, PlaceStatus
from penstock.core.state.run import WfRun
from penstock.core.state.turn import Turn

_AFTER: Final = {
    PlaceStatus.ASKED: PlaceStatus.WITHDRAWN,
    PlaceStatus.GRANTED: PlaceStatus.GIVEN_BACK,
}
"""What has become of a place that is not wanted any more."""


def ask(turn: Turn, run: WfRun, limit_key: str) -> None:
    """Ask for a place; the run is to be put."""
    before = run.place
    number, waited = (1, False) if before is None else (before.number + 1, before.waited)
    run.place = Place(limit_key, number, PlaceStatus.ASKED, waited=waited)
    _tell(turn, run, run.place, Claim.ASK)


def give_back(turn: Turn, run: WfRun) -> None:
    """The run wants no place any more; the run is to be put."""
    if run.place is not None and run.place.status in _AFTER:
        run.place = replace(run.place, status=_AFTER[run.place.status])
        _tell(turn, run, run.place, Claim.GIVE_BACK)


def force(turn: Turn, run: WfRun) -> None:
    """Have the run get a place, whether there is one or not: an operator wants it. If it was
    refused one meanwhile, it stays refused: the answer is on its way.
    """
    if run.held and run.place is not None:
        _tell(turn, run, run.place, Claim.FORCE)


def take_again(turn: Turn, run: WfRun) -> None:
    """A run that had ended goes on: in its place, whether that is free or not. One that had none
    asks for it where it begins anew. The run is to be put.
    """
    if run.place is not None and run.place.status is PlaceStatus.GIVEN_BACK:
        run.place = replace(run.place, status=PlaceStatus.GRANTED)
        _tell(turn, run, run.place, Claim.TAKE)


def ask_id(turn: Turn, run: WfRun, place: Place) -> str:
    """This time of asking, as no other is, even if the run's id is used once more (R10)."""
    partition = turn.shard.partition
    return derive_guid("place", partition, run.born_offset, run.wf_run_id, place.number)


def _tell(turn: Turn, run: WfRun, place: Place, claim: Claim) -> None:
    asked = ask_id(turn, run, place)
    turn.claims.append(PlaceNews(run.wf_spec, place.limit_key, run.wf_run_id, asked, claim))
