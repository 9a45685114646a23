"""A for-each over ten thousand values: it comes to its end, the last thousand cost as much as the
first, and a kill at half leaves nothing at work. Counted, not timed.
"""

from __future__ import annotations

import pytest

from penstock.core.commands.kill_wf_run import KillWfRun
from penstock.core.state.transitions import ThreadStatus
from tests.dialects.many import Many

MANY = 10_000
AT_ONCE = 50
COUNTED = 1_000  # so many of the first and of the last are counted
SLACK = 0.02
"""Some values bring a new chunk of them to be read, and numbers grow longer."""
FLOW = f"""
id: many
namespace: company.team
inputs: [{{id: all, type: ARRAY}}]
tasks:
  - id: each
    type: for-each
    values: "{{{{ inputs.all }}}}"
    concurrencyLimit: {AT_ONCE}
    tasks: [{{id: one, type: pause}}]
"""


def many_values() -> Many:
    """A run that is at its first values."""
    return Many(FLOW, all=[*range(MANY)])


@pytest.mark.timeout(300)  # 15 s of CPU; a machine that does more besides takes its time
def test_ten_thousand_values_to_their_end() -> None:
    many = many_values()
    first = many.end(COUNTED)
    many.end(MANY - 2 * COUNTED - AT_ONCE)
    last = many.end(COUNTED)
    assert last == pytest.approx(first, rel=SLACK)
    assert many.run.threads == 2 + MANY - 1
    assert many.run.status is ThreadStatus.RUNNING
    many.end(AT_ONCE)
    assert many.run.status is ThreadStatus.COMPLETED
    assert many.live() == 0
    assert many.timers() == []


@pytest.mark.timeout(300)
def test_a_kill_at_half() -> None:
    many = many_values()
    many.end(MANY // 2)
    assert many.live() > 2 * AT_ONCE
    many.settle(KillWfRun("run"))
    assert many.run.status is ThreadStatus.ERROR
    assert many.run.threads == 1 + MANY // 2 + AT_ONCE
    assert many.live() == 0
    assert many.timers() == []
