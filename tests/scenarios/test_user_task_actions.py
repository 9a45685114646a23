"""Actions of user tasks: what is done some time after one has come, or was assigned."""

import pytest

from penstock.core.commands.assign_user_task_run import AssignUserTaskRun
from penstock.core.commands.cancel_user_task_run import CancelUserTaskRun
from penstock.core.commands.put_user_task_comment import PutUserTaskComment
from penstock.core.commands.release_user_task_run import ReleaseUserTaskRun
from penstock.core.commands.report_task import ReportTask
from penstock.core.commands.topic_ready import TopicReady
from penstock.core.state.run import TaskRun
from penstock.core.state.timers import Timer, TimerKind
from penstock.core.state.transitions import TaskStatus
from penstock.core.state.user_task_rows import UserTaskEvent, UserTaskEventKind
from tests.controls import (
    a_form,
    a_task_def,
    cancels,
    chain,
    declared,
    literal,
    reassigns,
    reminds,
    task,
    user_task,
    variable,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, accepted, register, run
from tests.scenarios.test_task_cells import from_engine, output_failed

FORM = a_form("agree", agreed="BOOL")
AGREED = {"agreed": True}
MAIL = a_task_def("mail", to="STR")
ASSIGNED = "ON_TASK_ASSIGNED"


def asks(driver: Driver, *actions: object, user: str = "ada", group: str = "sales") -> Story:
    """A run whose user task has these actions."""
    node = user_task("agree", user=user, group=group, actions=list(actions))
    register(driver, "ask", chain(node), FORM, MAIL)
    return run(driver, "ask")


def kinds(story: Story) -> list[UserTaskEventKind]:
    """What has happened to the user task."""
    return [row.kind for row in events(story)]


def events(story: Story) -> list[UserTaskEvent]:
    """The audit of the user task."""
    return story.driver.scan(UserTaskEvent, story.id, story.user_task.guid)


def timers(driver: Driver) -> list[Timer]:
    """The timers of actions that are set, on all partitions."""
    found: list[Timer] = []
    for _, view in driver._views():
        found += [row for _, row in view.scan(Timer, b"\x00T", b"\x00U")]
    return [timer for timer in found if timer.kind is TimerKind.USER_TASK]


def test_a_reminder_is_a_task_of_its_own(memory: Driver) -> None:
    """The user task does not wait for it, whatever becomes of it."""
    story = asks(memory, reminds("mail", 60, to=literal("ada")))
    story.no_task("mail")
    memory.pass_ms(61_000)
    story.task("mail", to="ada").starts().fails()
    assert story.task_run.user_task == story.user_task.guid
    assert story.task_run.status == "TASK_FAILED"
    assert events(story)[-1].task == story.taken.guid
    assert kinds(story) == ["ASSIGNED", "TASK_EXECUTED"]
    story.is_assigned("ada", "sales").completes_form(AGREED).completes()
    assert story.nodes[1].task is None


def test_a_reminder_may_succeed_after_the_run_has(memory: Driver) -> None:
    """Nobody minds."""
    story = asks(memory, reminds("mail", 1, to=literal("ada")))
    memory.pass_ms(1_000)
    story.task("mail").completes_form(AGREED).completes()
    story.starts().succeeds()
    assert story.task_run.status == "TASK_SUCCESS"


def test_a_reminder_times_out_like_any_task(memory: Driver) -> None:
    """By its own time-out."""
    action = reminds("mail", 1, to=literal("ada"))
    action["action"]["task"]["timeout_ms"] = 5_000
    story = asks(memory, action)
    memory.pass_ms(1_000)
    story.task("mail").starts()
    memory.pass_ms(5_001)
    assert story.task_run.status == "TASK_TIMEOUT"
    story.is_now("RUNNING").completes_form(AGREED).completes()


def test_a_reminder_does_not_keep_a_thread_from_halting(memory: Driver) -> None:
    """Even while a worker has it."""
    story = asks(memory, reminds("mail", 1, to=literal("ada")))
    memory.pass_ms(1_000)
    story.task("mail").starts().is_stopped().is_now("HALTED")
    story.succeeds().is_now("HALTED").completes_form(AGREED).is_resumed().completes()


def test_time_goes_on_while_the_run_is_halted(memory: Driver) -> None:
    """A reminder is for a person, who can still complete the form."""
    story = asks(memory, reminds("mail", 60, to=literal("ada"))).is_stopped()
    memory.pass_ms(61_000)
    story.task("mail").succeeds().is_now("HALTED")


def test_two_reminders_are_two_tasks(memory: Driver) -> None:
    """Of the same kind, at the same time."""
    mail = reminds("mail", 1, to=literal("ada"))
    story = asks(memory, mail, mail)
    memory.pass_ms(1_000)
    story.task("mail").succeeds().task("mail").succeeds()
    assert len({row.guid for row in memory.scan(TaskRun, story.id)}) == 2


@pytest.mark.parametrize("end", ["complete", "cancel"])
def test_the_end_of_a_user_task_drops_its_timers(memory: Driver, end: str) -> None:
    """Nothing fires later."""
    story = asks(
        memory, reminds("mail", 60, to=literal("ada")), cancels(90), reassigns(9, user="b")
    )
    assert len(timers(memory)) == len(story.user_task.timers) == 3
    if end == "complete":
        story.completes_form(AGREED).completes()
    else:
        story.does(CancelUserTaskRun)
    assert timers(memory) == []
    assert story.user_task.timers == ()


def test_a_deadline_cancels(memory: Driver) -> None:
    """The node fails."""
    story = asks(memory, cancels(30))
    memory.pass_ms(30_000)
    story.ends_with("USER_TASK_CANCELLED")
    assert events(story)[-1].principal == ""


def test_a_deadline_cancels_while_halted(memory: Driver) -> None:
    """The node fails on resume."""
    story = asks(memory, cancels(30)).is_stopped()
    memory.pass_ms(30_000)
    assert story.is_now("HALTED").user_task.status == "CANCELLED"
    story.is_resumed().ends_with("USER_TASK_CANCELLED")


def test_a_deadline_gives_it_to_a_group(memory: Driver) -> None:
    """Nobody of the group has it then."""
    story = asks(memory, reassigns(30, group="tax"))
    memory.pass_ms(30_000)
    story.is_assigned(None, "tax").is_claimed_by("bob").completes_form(AGREED).completes()


def test_a_deadline_gives_it_to_another_user(memory: Driver) -> None:
    """Whose own deadlines begin; one that names him changes nothing."""
    story = asks(
        memory, reassigns(30, user="bob"), reminds("mail", 20, hook=ASSIGNED, to=literal("x"))
    )
    memory.pass_ms(30_000)
    story.is_assigned("bob").task("mail").succeeds()
    memory.pass_ms(20_000)
    story.task("mail").succeeds()
    memory.pass_ms(100_000)
    assert kinds(story) == ["ASSIGNED", "TASK_EXECUTED", "ASSIGNED", "TASK_EXECUTED"]
    assert timers(memory) == []


@pytest.mark.parametrize("change", ["release", "assign"])
def test_a_deadline_is_for_the_one_who_had_it(memory: Driver, change: str) -> None:
    """When the user task changes hands, it is off; the next one has all the time."""
    story = asks(memory, reassigns(30, group="tax"))
    memory.pass_ms(20_000)
    if change == "release":
        story.does(ReleaseUserTaskRun)
        assert timers(memory) == []
        memory.pass_ms(20_000)
        story.is_assigned(None, "sales").is_claimed_by("bob")
    else:
        story.does(AssignUserTaskRun, user_id="bob", override_claim=True)
    memory.pass_ms(20_000)
    assert story.user_task.user_id == "bob"
    memory.pass_ms(10_000)
    story.is_assigned(None, "tax")


def test_a_deadline_since_arrival_is_fenced_too(memory: Driver) -> None:
    """It reassigns only the user who had it on arrival."""
    story = asks(memory, reassigns(30, hook="ON_ARRIVAL", user="boss"))
    story.does(AssignUserTaskRun, user_id="bob", override_claim=True)
    memory.pass_ms(30_000)
    story.is_assigned("bob")
    other = asks(memory, reassigns(30, hook="ON_ARRIVAL", user="boss"))
    memory.pass_ms(30_000)
    other.is_assigned("boss")


def test_an_assignment_to_a_group_is_no_assignment(memory: Driver) -> None:
    """ON_TASK_ASSIGNED begins with the claim."""
    story = asks(memory, reminds("mail", 1, hook=ASSIGNED, to=literal("x")), user="")
    memory.pass_ms(5_000)
    story.no_task("mail").is_claimed_by("ada")
    memory.pass_ms(1_000)
    story.task("mail")


def test_actions_that_call_for_each_other_come_to_an_end(monkeypatch, memory: Driver) -> None:
    """By the limit of the audit."""
    for module in ("user_tasks", "actions"):
        monkeypatch.setattr(f"penstock.core.user_tasks.{module}.USER_TASK_EVENTS_MAX", 40)
    story = asks(memory, reassigns(0, user="bob"), reassigns(0, user="eve"))
    for _ in range(40):
        memory.pass_ms(10)
    assert story.user_task.events <= 41
    assert timers(memory) == []
    story.does_not("LIMIT", PutUserTaskComment, user_id="ada", text="stop")
    story.completes_form(AGREED).completes()


def test_a_full_audit_does_not_keep_a_user_task_from_its_end(
    monkeypatch: pytest.MonkeyPatch, memory: Driver
) -> None:
    """Else whoever may comment could keep the run waiting for ever."""
    for module in ("user_tasks", "actions"):
        monkeypatch.setattr(f"penstock.core.user_tasks.{module}.USER_TASK_EVENTS_MAX", 2)
    story = asks(memory, reassigns(1, user="bob"), cancels(5))
    story.does(PutUserTaskComment, user_id="ada", text="wait")
    memory.pass_ms(1_000)
    story.is_assigned("ada", "sales").does_not(
        "LIMIT", PutUserTaskComment, user_id="ada", text="more"
    )
    memory.pass_ms(4_000)
    story.ends_with("USER_TASK_CANCELLED")


def test_an_action_that_can_not_be_done_is_told_in_the_audit(memory: Driver) -> None:
    """And the user task goes on."""
    to = declared("to", "JSON_OBJ")
    actions = [
        reminds("mail", 1, to=variable("to", "$.address")),
        {
            "hook": ASSIGNED,
            "delay_seconds": 1,
            "action": {"reassign": {"user_id": variable("who")}},
        },
    ]
    node = user_task("agree", user="ada", actions=actions)
    register(memory, "ask", chain(node, variables=(to, declared("who", "STR"))), FORM, MAIL)
    story = run(memory, "ask", to={"address": {"not": "text"}})
    memory.pass_ms(1_000)
    assert kinds(story) == ["ASSIGNED", "ACTION_FAILED", "ACTION_FAILED"]
    assert "'to'" in events(story)[1].message
    assert "Invalid user task assignment" in events(story)[2].message
    story.completes_form(AGREED).completes()


def test_delays_are_evaluated(memory: Driver) -> None:
    """A bad one on arrival fails the node; in an assignment it is told in the audit."""
    delay = declared("delay", "DOUBLE")
    remind = reminds("mail", variable("delay"), to=literal("x"))
    made = chain(user_task("agree", user="ada", actions=[remind]), variables=(delay,))
    register(memory, "ask", made, FORM, MAIL)
    run(memory, "ask", delay=-1).ends_with("VAR_SUB_ERROR")
    run(memory, "ask").ends_with("VAR_SUB_ERROR")
    story = run(memory, "ask", delay=2.5)
    memory.pass_ms(2_499)
    assert story.user_task.timers != ()
    memory.pass_ms(1)
    story.task("mail")
    late = remind | {"hook": ASSIGNED}
    made = chain(user_task("agree", group="tax", actions=[late]), variables=(delay,))
    register(memory, "late", made, FORM, MAIL)
    story = run(memory, "late", delay=-1).is_claimed_by("ada")
    assert kinds(story) == ["ASSIGNED", "ASSIGNED", "ACTION_FAILED"]
    story.completes_form(AGREED).completes()


def test_a_reminder_and_a_task_node_are_not_mixed_up(memory: Driver) -> None:
    """A report on a reminder moves nothing of the task that the run has come to."""
    node = user_task("agree", user="ada", actions=[reminds("mail", 1, to=literal("x"))])
    register(memory, "ask", chain(node, task("mail", inputs={"to": literal("y")})), FORM, MAIL)
    story = run(memory, "ask")
    memory.pass_ms(1_000)
    reminder = story.task("mail", to="x").taken
    story.completes_form(AGREED).task("mail", to="y")
    report = ReportTask(
        wf_run_id=story.id, guid=reminder.guid, attempt=1, status=TaskStatus.TASK_FAILED
    )
    accepted(memory, report)
    story.is_now("RUNNING").succeeds().completes()


@pytest.mark.parametrize("ended", [False, True])
def test_a_reminder_that_was_held_is_sent_if_it_is_still_wanted(
    memory: Driver, ended: bool
) -> None:
    """Its topic was not there; the user task may have ended meanwhile (R7)."""
    story = asks(memory, reminds("mail", 1, to=literal("ada")))
    memory.pass_ms(1_000)
    output_failed(story.task("mail"), "NO_TOPIC")
    assert story.task_run.status == "TASK_PENDING"
    if ended:
        story.completes_form(AGREED).completes()
    from_engine(memory, story.id, TopicReady(task_def="mail"))
    assert memory.scan(TaskRun, story.id)[0].status == (
        "TASK_CANCELLED" if ended else "TASK_SCHEDULED"
    )
    if not ended:
        story.task("mail").succeeds()


def test_a_reminder_is_not_tried_again(memory: Driver) -> None:
    """A restart that is asked for ends it: no node makes its next attempt."""
    story = asks(memory, reminds("mail", 1, to=literal("ada")))
    memory.pass_ms(1_000)
    story.task("mail").starts().is_restarted(grace_ms=10).fails()
    assert story.task_run.status == "TASK_CANCELLED"
    story.is_now("RUNNING").completes_form(AGREED).completes()


def test_reminders_on_a_real_clock(driver: Driver) -> None:
    """On every log."""
    story = asks(driver, reminds("mail", 0.05, to=literal("ada")), cancels(0.1))
    driver.pass_ms(60)
    story.task("mail", to="ada").succeeds()
    driver.pass_ms(60)
    story.ends_with("USER_TASK_CANCELLED")
