"""ClaimPlace: a run tells the partition of its limit that it wants a place among those that may be
at work at once, or wants it no more.
"""

from penstock.core.command import Command, CommandType, Repeats, Sender, of_partition_0
from penstock.core.ids import partition_of
from penstock.core.places import places
from penstock.core.state.place_rows import Claim, PlaceNews
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class ClaimPlace(Command, frozen=True):
    """The limit, the run and which time of asking, and what it says."""

    wf_spec: str
    limit_key: str
    wf_run_id: str
    ask: str
    claim: Claim


def send_claims(turn: Turn) -> None:
    """Send what the turn has noted of places, in order."""
    for news in turn.claims:
        limit = f"{turn.tenant}/{news.wf_spec}/{news.limit_key}"
        target = partition_of(limit.encode(), turn.shard.partitions)
        command = ClaimPlace(
            wf_spec=news.wf_spec,
            limit_key=news.limit_key,
            wf_run_id=news.wf_run_id,
            ask=news.ask,
            claim=news.claim,
        )
        turn.send(target, command)
    turn.claims.clear()


def handle(turn: Turn, command: ClaimPlace) -> Value:
    """Keep it, and give places to who is next."""
    news = PlaceNews(
        command.wf_spec, command.limit_key, command.wf_run_id, command.ask, command.claim
    )
    places.claim(turn, news)
    return None


COMMAND = CommandType(
    ClaimPlace, handle, of_partition_0, repeats=Repeats.OWN_ROWS, sender=Sender.ENGINE
)
