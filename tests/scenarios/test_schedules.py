"""Schedules: due times, zones, what was missed, pausing, deleting. Time is virtual."""

from typing import Any

import pytest

from penstock.core.commands import run_wf
from penstock.core.commands.delete_schedule import DeleteSchedule
from penstock.core.commands.note_refused_firing import NoteRefusedFiring
from penstock.core.commands.pause_schedule import PauseSchedule
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.run_wf import RunWf
from penstock.core.commands.schedule_wf import ScheduleWf
from penstock.core.commands.start_scheduled_run import StartScheduledRun
from penstock.core.ids import partition_of_run
from penstock.core.limits import SCHEDULE_FIRINGS_MAX, SCHEDULE_PAUSES_MAX, TEXT_CHARS_MAX
from penstock.core.schedules.schedules import Misfire
from penstock.core.state.run import Variable
from penstock.core.state.timers import Timer
from penstock.core.state.turn import Turn
from penstock.processor import cron_asks
from tests.controls import chain, declared, task, variable
from tests.scenarios.driver import Driver
from tests.scenarios.schedules import Plan, come_to, live_through, moments, ms, schedule
from tests.scenarios.story import Story, accepted, refused, register

WHO = (declared("who", "STR", required=True),)


@pytest.fixture
def memory(memory: Driver) -> Driver:
    """An engine that knows the spec `job`, one January midnight."""
    register(memory, "job", chain())
    come_to(memory, "2024-01-01 00:00")
    return memory


def test_a_schedule_starts_a_run_each_time_it_is_due(memory: Driver) -> None:
    """On every partition; each is there and has ended well."""
    plan = schedule(memory, "quarterly", "*/15 * * * *")
    minutes = [f"2024-01-01 0{at // 4}:{at % 4 * 15:02}" for at in range(1, 16)]
    live_through(memory, *minutes)
    assert plan.started()[:3] == ["2024-01-01 00:15", "2024-01-01 00:30", "2024-01-01 00:45"]
    assert len(plan.started()) == 15
    ids = [firing.wf_run_id or "" for firing in plan.firings]
    assert len(set(ids)) == 15
    assert {partition_of_run(of, 3) for of in ids} == {0, 1, 2}
    for wf_run_id in ids:
        Story(memory, wf_run_id).completes()


def test_a_scheduled_run_gets_the_variables_and_labels(memory: Driver) -> None:
    """As if a client had started it."""
    register(memory, "greets", chain(task("greet"), returns=variable("who"), variables=WHO))
    settings = {"variables": {"who": "Ada"}, "labels": {"team": "blue"}}
    plan = schedule(memory, "daily", "30 6 * * *", wf_spec="greets", **settings)
    come_to(memory, "2024-01-01 06:30")
    [firing] = plan.firings
    story = Story(memory, firing.wf_run_id or "")
    assert story.run.labels == {"team": "blue"}
    story.task("greet").succeeds().completes("Ada")


def test_the_newest_version_is_run_unless_one_is_named(memory: Driver) -> None:
    """A schedule outlives versions."""
    newest = schedule(memory, "newest", "0 * * * *")
    fixed = schedule(memory, "fixed", "0 * * * *", version=1)
    accepted(memory, PutWfSpec(name="job", spec=chain(variables=(declared("new", "INT"),))))
    come_to(memory, "2024-01-01 01:00")
    versions = [
        Story(memory, plan.firings[0].wf_run_id or "").run.version for plan in (newest, fixed)
    ]
    assert versions == [2, 1]


def test_many_schedules_are_due_at_once(memory: Driver) -> None:
    """Each starts its run; none waits for another."""
    plans = [schedule(memory, f"many-{number}", "0 12-15 * * *") for number in range(120)]
    come_to(memory, "2024-01-01 12:00")
    assert [plan.started() for plan in plans] == [["2024-01-01 12:00"]] * 120
    come_to(memory, "2024-01-01 13:00")
    assert all(len(plan.started()) == 2 for plan in plans)


@pytest.mark.parametrize(
    ("misfire", "outcomes"),
    [
        ({"misfire": Misfire.SKIP}, [("01:00", True), ("05:30", False)]),
        ({"misfire": Misfire.RUN_ONCE}, [("01:00", False), ("05:30", False)]),
        (
            {"misfire": Misfire.RUN_ALL},
            [
                *((f"0{half // 2}:{'30' if half % 2 else '00'}", False) for half in range(2, 12)),
            ],
        ),
        (
            {"misfire": Misfire.RUN_ALL, "catch_up_max": 3},
            [
                *(("01:00", False), ("01:30", False), ("02:00", False)),
                *(("02:30", True), ("05:30", False)),
            ],
        ),
    ],
)
def test_what_was_missed_in_an_outage(
    memory: Driver, misfire: dict[str, Any], outcomes: list[tuple[str, bool]]
) -> None:
    """Down from one o'clock until half past five, when the one due just now is on time."""
    plan = schedule(memory, "half-hourly", "0,30 1-8 * * *", **misfire)
    come_to(memory, "2024-01-01 05:30")
    assert plan.outcomes() == [(f"2024-01-01 {at}", missed) for at, missed in outcomes]
    come_to(memory, "2024-01-01 06:00")
    assert plan.outcomes()[-1] == ("2024-01-01 06:00", False)
    assert len(plan.outcomes()) == len(outcomes) + 1
    plan.started()


def test_a_long_outage_costs_one_question(memory: Driver) -> None:
    """A year of minutes is passed over at once; what is due after it is on time."""
    plan = schedule(memory, "minutely", "* * * * *")
    before = memory.log.bounds(plan.partition)[1]
    come_to(memory, "2025-01-01 00:00")
    assert plan.outcomes() == [("2024-01-01 00:01", True)] + [
        (f"{day} {at}", False) for day, at in (("2024-12-31", "23:59"), ("2025-01-01", "00:00"))
    ]
    assert memory.log.bounds(plan.partition)[1] - before < 12


def test_catching_up_takes_turns(memory: Driver) -> None:
    """Five hours of minutes, all wanted: every run is started, the newest are kept."""
    settings: dict[str, Any] = {"misfire": Misfire.RUN_ALL, "catch_up_max": 10_000}
    plan = schedule(memory, "all-of-them", "* * * * *", **settings)
    come_to(memory, "2024-01-01 05:00")
    assert plan.state.caught_up == 0
    assert len(plan.firings) == SCHEDULE_FIRINGS_MAX
    assert plan.started()[-2:] == ["2024-01-01 04:59", "2024-01-01 05:00"]
    completed = [told for told in memory.events() if getattr(told, "status", "") == "COMPLETED"]
    assert len({told.wf_run_id for told in completed}) == len(completed) == 300


def test_large_variables_are_sent_over_several_turns(memory: Driver) -> None:
    """What a turn may send is bounded; what exceeds it comes with the next (R3)."""
    register(memory, "large", chain(variables=(declared("text", "STR"),)))
    settings: dict[str, Any] = {"misfire": Misfire.RUN_ALL, "catch_up_max": 200}
    plan = schedule(
        memory, "large", "* * * * *", wf_spec="large", variables={"text": "x" * 120_000}, **settings
    )
    come_to(memory, "2024-01-01 02:30")
    completed = [told for told in memory.events() if getattr(told, "status", "") == "COMPLETED"]
    assert len({told.wf_run_id for told in completed}) == 150
    assert plan.started()[-1] == "2024-01-01 02:30"


def test_where_clocks_go_forward_what_is_in_the_missing_hour_is_due_after_it(
    memory: Driver,
) -> None:
    """Berlin, 31 March 2024: 02:00 is 03:00."""
    come_to(memory, "2024-03-29 12:00")
    plan = schedule(memory, "at-night", "30 2 * * *", time_zone="Europe/Berlin")
    hourly = schedule(memory, "hourly", "30 * * * *", time_zone="Europe/Berlin")
    live_through(memory, "2024-03-30 01:30", "2024-03-31 00:30", "2024-03-31 01:00")
    live_through(memory, "2024-03-31 01:30", "2024-04-01 00:30")
    assert plan.started() == ["2024-03-30 01:30", "2024-03-31 01:00", "2024-04-01 00:30"]
    assert [at for at in hourly.started() if "03-31" in at] == [
        "2024-03-31 00:30",
        "2024-03-31 01:30",
    ]


def test_where_clocks_go_back_a_time_of_day_is_due_once(memory: Driver) -> None:
    """Berlin, 27 October 2024: 03:00 is 02:00 again; what is due each hour follows the hours."""
    come_to(memory, "2024-10-26 12:00")
    plan = schedule(memory, "at-night", "30 2 * * *", time_zone="Europe/Berlin")
    hourly = schedule(memory, "hourly", "30 * * * *", time_zone="Europe/Berlin")
    live_through(memory, "2024-10-27 00:30", "2024-10-27 01:30", "2024-10-27 02:30")
    live_through(memory, "2024-10-28 01:30")
    assert plan.started() == ["2024-10-27 00:30", "2024-10-28 01:30"]
    assert [at for at in hourly.started() if "10-27 0" in at] == [
        f"2024-10-27 0{hour}:30" for hour in range(3)
    ]


def test_a_broker_clock_that_jumps_back_starts_nothing_twice(memory: Driver) -> None:
    """Due times go on from the last one."""
    plan = schedule(memory, "hourly", "0 * * * *")
    live_through(memory, "2024-01-01 01:00", "2024-01-01 02:00", "2024-01-01 00:30")
    live_through(memory, "2024-01-01 01:00", "2024-01-01 02:00", "2024-01-01 03:00")
    assert plan.started() == [f"2024-01-01 0{hour}:00" for hour in (1, 2, 3)]


def test_what_is_far_ahead_is_asked_again_nearer_the_time(
    memory: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rules of time zones change: here, by new data a month before."""
    plan = schedule(memory, "yearly", "0 12 1 7 *")
    assert moments(plan.state.due) == ["2024-07-01 12:00", "2025-07-01 12:00"]
    come_to(memory, "2024-06-01 00:00")
    rules = (ms("2024-07-01 11:00"),)
    monkeypatch.setattr(cron_asks, "next_times", lambda *_: rules)
    come_to(memory, "2024-06-10 00:00")
    assert moments(plan.state.due) == ["2024-07-01 11:00"]
    assert plan.firings == ()
    monkeypatch.undo()
    live_through(memory, "2024-06-25 00:00", "2024-07-01 12:00", "2024-07-01 12:30")
    assert plan.started() == ["2024-07-01 12:00"]


def test_a_schedule_has_a_beginning_and_an_end(memory: Driver) -> None:
    """Both count; then it has ended, and waits for nothing."""
    times = {"start_at_ms": ms("2024-01-02 00:00"), "end_at_ms": ms("2024-01-02 02:00")}
    plan = schedule(memory, "brief", "0 * * * *", **times)
    live_through(memory, "2024-01-01 12:00", "2024-01-02 00:00", "2024-01-02 01:00")
    live_through(memory, "2024-01-02 02:00", "2024-01-02 03:00")
    assert plan.is_now("ENDED").started() == [f"2024-01-02 0{hour}:00" for hour in range(3)]
    assert list(plan.rows.scan(Timer)) == []
    refused(memory, PauseSchedule(schedule_id="brief", paused=False), "SCHEDULE_ENDED")


def test_a_paused_schedule_starts_nothing_and_goes_on_from_now(memory: Driver) -> None:
    """What was due meanwhile is not made up for, whatever the policy."""
    plan = schedule(memory, "paused", "0 * * * *", misfire=Misfire.RUN_ALL)
    come_to(memory, "2024-01-01 01:00")
    accepted(memory, PauseSchedule(schedule_id="paused"))
    accepted(memory, PauseSchedule(schedule_id="paused"))
    live_through(memory, "2024-01-01 02:00", "2024-01-01 03:10")
    accepted(memory, PauseSchedule(schedule_id="paused", paused=False))
    accepted(memory, PauseSchedule(schedule_id="paused", paused=False))
    come_to(memory, "2024-01-01 04:00")
    assert plan.is_now("ACTIVE").started() == ["2024-01-01 01:00", "2024-01-01 04:00"]
    assert [pause.paused for pause in plan.state.pauses] == [True, False]
    assert {pause.principal for pause in plan.state.pauses} == {"test"}
    times = moments(pause.at_ms for pause in plan.state.pauses)
    assert times == ["2024-01-01 01:00", "2024-01-01 03:10"]


def test_the_newest_pauses_are_kept(memory: Driver) -> None:
    """The first is that of a schedule that was made paused."""
    plan = schedule(memory, "often", "0 * * * *", paused=True)
    [first] = plan.state.pauses
    memory.pass_ms(1)
    for number in range(SCHEDULE_PAUSES_MAX):
        accepted(memory, PauseSchedule(schedule_id="often", paused=number % 2 == 1))
    kept = plan.state.pauses
    assert first not in kept
    assert [pause.paused for pause in kept] == [False, True] * (SCHEDULE_PAUSES_MAX // 2)


def test_a_schedule_can_be_made_paused(memory: Driver) -> None:
    """It asks nothing until it is to go on."""
    plan = schedule(memory, "later", "0 * * * *", paused=True).is_now("PAUSED")
    come_to(memory, "2024-01-01 02:00")
    assert (plan.firings, plan.state.due) == ((), ())
    accepted(memory, PauseSchedule(schedule_id="later", paused=False))
    come_to(memory, "2024-01-01 03:00")
    assert plan.started() == ["2024-01-01 03:00"]


def test_a_deleted_schedule_leaves_nothing_behind(driver: Driver) -> None:
    """And can be made again, as another one."""
    register(driver, "job", chain())
    plan = schedule(driver, "gone", "0 0 1 1 *").is_now("ACTIVE")
    assert len(plan.state.due) == 2
    accepted(driver, DeleteSchedule(schedule_id="gone"))
    plan.leaves_nothing()
    refused(driver, DeleteSchedule(schedule_id="gone"), "SCHEDULE_UNKNOWN")
    refused(driver, PauseSchedule(schedule_id="gone"), "SCHEDULE_UNKNOWN")
    schedule(driver, "gone", "0 0 2 1 *").is_now("ACTIVE")


def test_a_schedule_made_again_starts_other_runs(memory: Driver) -> None:
    """The same id and due time, but not the same run (R10)."""
    ids: list[str | None] = []
    for _ in range(2):
        plan = schedule(memory, "again", "0 1 * * *", start_at_ms=ms("2024-01-01 01:00"))
        come_to(memory, "2024-01-01 01:00")
        ids += [firing.wf_run_id for firing in plan.firings]
        accepted(memory, DeleteSchedule(schedule_id="again"))
        plan.leaves_nothing()
    assert len(ids) == len(set(ids)) == 2


def test_what_was_due_since_a_start_in_the_past_is_made_up_for(driver: Driver) -> None:
    """By policy, on any log: the first three Januaries of the century."""
    register(driver, "job", chain())
    plan = schedule(
        driver,
        "centuries",
        "0 0 1 1 *",
        start_at_ms=ms("2001-01-01 00:00"),
        end_at_ms=ms("2003-12-31 00:00"),
        misfire=Misfire.RUN_ALL,
    )
    plan.is_now("ENDED")
    assert moments(f.due_ms for f in plan.firings) == [f"200{n}-01-01 00:00" for n in (1, 2, 3)]
    for firing in plan.firings:
        story = Story(driver, firing.wf_run_id or "")
        story.wait_until_there().completes()


def test_the_same_schedule_again_is_the_first_and_another_is_refused(memory: Driver) -> None:
    """An id is for one schedule; each partition has its own."""
    schedule(memory, "known", "0 * * * *")
    refused(
        memory, ScheduleWf(schedule_id="known", wf_spec="job", cron="1 * * * *"), "ALREADY_EXISTS"
    )


@pytest.mark.parametrize(
    ("wrong", "code", "says"),
    [
        ({"cron": "every day"}, "BAD_SCHEDULE", "2 fields"),
        ({"cron": "60 * * * *"}, "BAD_SCHEDULE", "minute: 60 is not from 0 to 59"),
        ({"cron": "0 0 30 FEB *"}, "BAD_SCHEDULE", "none of its months has a day 30"),
        ({"time_zone": "../etc/passwd"}, "BAD_SCHEDULE", "Europe/Berlin"),
        ({"grace_ms": -1}, "BAD_SCHEDULE", "grace_ms"),
        ({"catch_up_max": 0}, "BAD_SCHEDULE", "catch_up_max"),
        ({"start_at_ms": 2**62}, "BAD_SCHEDULE", "start_at_ms"),
        ({"schedule_id": "a/b"}, "BAD_ID", "schedule_id"),
        ({"wf_spec": "no"}, "SPEC_UNKNOWN", "no WfSpec 'no'"),
        ({"version": 7}, "SPEC_UNKNOWN", "version 7"),
        ({"variables": {"x": 1}}, "VARIABLE_UNKNOWN", "no variable 'x'"),
        ({"wf_spec": "greets"}, "VARIABLE_REQUIRED", "'who' (STR) must be given"),
        ({"labels": {str(n): "" for n in range(65)}}, "LIMIT", "65 labels"),
        ({"variables": {"x": "x" * 140_000}}, "TOO_LARGE", "140"),
        ({"trigger": "x" * (TEXT_CHARS_MAX + 1)}, "LIMIT", f"{TEXT_CHARS_MAX} characters"),
    ],
)
def test_a_wrong_schedule_is_refused_at_once(
    memory: Driver, wrong: dict[str, Any], code: str, says: str
) -> None:
    """Not each time that it is due."""
    register(memory, "greets", chain(variables=WHO))
    settings = {"schedule_id": "wrong", "wf_spec": "job", "cron": "0 * * * *"} | wrong
    answer = refused(memory, ScheduleWf(**settings), code)
    assert says in answer.message
    Plan(memory, "wrong").leaves_nothing()


def test_a_time_zone_that_nobody_knows_fails_the_schedule_visibly(memory: Driver) -> None:
    """Only the outside can tell; once it knows better, the schedule goes on."""
    plan = schedule(memory, "martian", "0 * * * *", time_zone="Mars/Olympus").is_now("FAILED")
    assert plan.state.reason == "time zone 'Mars/Olympus' is not known here"
    accepted(memory, PauseSchedule(schedule_id="martian", paused=False))
    assert plan.is_now("FAILED").state.reason
    accepted(memory, DeleteSchedule(schedule_id="martian"))
    plan.leaves_nothing()


def test_a_refused_start_is_in_the_history_and_ends_nothing(memory: Driver) -> None:
    """The spec's newest version wants a variable that the schedule does not give."""
    plan = schedule(memory, "refused", "0 * * * *")
    accepted(memory, PutWfSpec(name="job", spec=chain(variables=WHO)))
    live_through(memory, *(f"2024-01-01 0{hour}:00" for hour in range(1, 9)))
    assert len({partition_of_run(one.wf_run_id or "", 3) for one in plan.firings}) == 3
    assert [firing.outcome for firing in plan.firings] == ["REFUSED"] * 8, "wherever they belong"
    assert all(firing.message.startswith("VARIABLE_REQUIRED: ") for firing in plan.firings)
    here = plan.firings[0]
    codes = [told.code for told in memory.events() if hasattr(told, "code")]
    assert codes == ["VARIABLE_REQUIRED"] * 8
    assert memory.get(Variable, here.wf_run_id or "", 0, "who") is None
    register(memory, "job", chain())
    come_to(memory, "2024-01-01 09:00")
    Story(memory, plan.firings[-1].wf_run_id or "").completes()


def test_a_scheduled_run_is_started_in_the_name_of_who_made_the_schedule(
    memory: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On its own partition and on any other."""
    names: list[str] = []
    known = run_wf.handle

    def noting(turn: Turn, command: RunWf) -> Any:
        names.append(turn.principal)
        return known(turn, command)

    monkeypatch.setattr(run_wf, "handle", noting)
    schedule(memory, "hers", "*/15 * * * *")
    live_through(memory, *(f"2024-01-01 0{at // 4}:{at % 4 * 15:02}" for at in range(1, 9)))
    firings = Plan(memory, "hers").firings
    assert {firing.outcome for firing in firings} == {"STARTED", "SENT"}
    assert {*names} == {"test"}, "and not the engine's"


def test_what_partitions_say_of_schedules_is_theirs_alone(memory: Driver) -> None:
    """No client starts runs in another's name, or has a firing refused."""
    start = StartScheduledRun(schedule_id="s", made_by="ada", wf_run_id="x", wf_spec="job")
    refused(memory, start, "FORBIDDEN")
    refused(memory, NoteRefusedFiring(schedule_id="s", wf_run_id="x", message=""), "FORBIDDEN")
