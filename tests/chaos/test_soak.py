"""Three servers of which one is killed every 15 s, for five minutes; `python -m tests.chaos` does
it for as long as it is told.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.chaos.checkers import Found
from tests.chaos.conftest import Play
from tests.chaos.report import LINES, Figures
from tests.chaos.soak import KILL_GAP_S_MAX, OPTIONS, STOP_GAP_S_MAX, Outcome, soak


@pytest.mark.chaos_long
@pytest.mark.fault(4, 8, 44, 49)
@pytest.mark.timeout(900)
def test_five_minutes_of_kills(
    play: Play,
    kafka_bootstrap: str,
    figures: Figures,
    record_property: Callable[[str, object], None],
) -> None:
    """No acknowledged command is lost, none applied twice, every run ends."""
    scene = play(kafka_bootstrap, kafka_bootstrap, kafka_bootstrap, more=OPTIONS)
    outcome = soak(scene, 300.0, figures)
    for line in outcome.told():
        record_property(LINES, line)
    assert max(outcome.kill_gaps_s) < KILL_GAP_S_MAX
    assert max(outcome.stop_gaps_s) < STOP_GAP_S_MAX


def test_gaps_are_told_by_their_least_median_and_most() -> None:
    outcome = Outcome(
        found=Found(),
        kill_gaps_s=[6.5, 5.25, 7.125],
        stop_gaps_s=[0.5, 0.25],
        start_gaps_s=[],
        seconds=60.0,
        rss_mib_max=100.0,
        files_max=50,
    )
    told = [line for line in outcome.told() if line.startswith("gap")]
    assert told == [
        "gap per kill: min 5.25 s, median 6.50 s, max 7.12 s, of 3 (6.50, 5.25, 7.12)",
        "gap per clean stop: min 0.25 s, median 0.38 s, max 0.50 s, of 2 (0.50, 0.25)",
        "gap per start of a node: none",
    ]
