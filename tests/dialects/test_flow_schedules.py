"""Flows that a schedule starts know which one it was, and when it was due."""

from __future__ import annotations

import pytest

from penstock.core.schedules.schedules import Misfire
from penstock.flows.compiler.triggers import schedule_id
from tests.dialects.bench import FlowRun, deploy, start
from tests.scenarios.driver import Driver
from tests.scenarios.schedules import Plan, come_to, ms, schedule

NAME = "company.team.f"
FLOW = """
id: f
namespace: company.team
tasks:
  - id: say
    type: return
    format: "{{ trigger.date ?? 'by hand' }}"
triggers:
  - {id: timer, type: io.kestra.plugin.core.trigger.Schedule, cron: "%s"}
"""


def newest(plan: Plan) -> FlowRun:
    """The run that was started last, when its task is done."""
    run = FlowRun(plan.driver, plan.firings[-1].wf_run_id or "")
    run.wait_until_there()
    return run.works()


@pytest.mark.parametrize(
    ("cron", "times"),
    [
        ("30 6 * * *", ["2024-01-01 06:30", "2024-01-02 06:30", "2024-01-03 06:30"]),
        ("0 0 * * MON", ["2024-01-08 00:00", "2024-01-15 00:00", "2024-01-22 00:00"]),
        ("15 */12 * * *", ["2024-01-01 00:15", "2024-01-01 12:15", "2024-01-02 00:15"]),
    ],
)
def test_a_run_is_told_its_time_and_those_beside(
    memory: Driver, cron: str, times: list[str]
) -> None:
    """As `trigger` in its templates, and in the view."""
    come_to(memory, "2024-01-01 00:00")
    plan = Plan(memory, schedule_id(NAME, "timer"))
    deploy(memory, FLOW % cron)
    told = [f"{time.replace(' ', 'T')}:00.000Z" for time in times]
    for number, before in enumerate((None, told[0])):
        come_to(memory, times[number])
        run = newest(plan)
        assert run.only("say")["outputs"] == {"value": told[number]}
        shown = run.execution
        about = {"date": told[number], "next": told[number + 1], "previous": before}
        assert shown["trigger"] == {"id": "timer", "type": "schedule", "variables": about}
        assert {"key": "system.trigger", "value": "timer"} in shown["labels"]
        assert "trigger" not in shown.get("inputs", {})


def test_a_moment_has_none_beside(driver: Driver) -> None:
    """Here one that is past, and made up for. A schedule of somebody's own is known by its id."""
    name = deploy(driver, FLOW % "30 6 * * *")
    past = {"at_ms": ms("2001-01-01 00:00"), "misfire": Misfire.RUN_ONCE}
    run = newest(schedule(driver, "once", **past, wf_spec=name).is_now("ENDED"))
    date = "2001-01-01T00:00:00.000Z"
    assert run.only("say")["outputs"] == {"value": date}
    about = {"date": date, "next": None, "previous": None}
    assert run.execution["trigger"] == {"id": "once", "type": "schedule", "variables": about}


def test_the_last_one_has_no_next(memory: Driver) -> None:
    come_to(memory, "2024-01-01 00:00")
    name = deploy(memory, FLOW % "30 6 * * *")
    end_ms = ms("2024-01-02 12:00")
    plan = schedule(memory, "ends", "0 12 * * *", wf_spec=name, end_at_ms=end_ms, trigger="own")
    for day in ("2024-01-01", "2024-01-02"):
        come_to(memory, f"{day} 12:00")
    plan.is_now("ENDED")
    told = newest(plan).execution["trigger"]
    assert told["id"] == "own"
    assert (told["variables"]["previous"], told["variables"]["next"]) == (
        "2024-01-01T12:00:00.000Z",
        None,
    )


def test_by_hand_there_is_none(memory: Driver) -> None:
    run = start(memory, deploy(memory, FLOW % "30 6 * * *")).works()
    run.completes(None)
    assert run.only("say")["outputs"] == {"value": "by hand"}
    assert "trigger" not in run.execution
