"""Three servers of which one is killed every 15 s, for five minutes; `python -m tests.chaos` does
it for as long as it is told.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.chaos.conftest import Play
from tests.chaos.report import LINES, Figures
from tests.chaos.soak import KILL_GAP_S_MAX, OPTIONS, STOP_GAP_S_MAX, soak


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
