"""A task while it runs: heartbeats, checkpoints, logs and metrics."""

import pytest

from penstock.core.commands.put_checkpoint import PutCheckpoint
from penstock.core.commands.task_heartbeat import TaskHeartbeat
from penstock.core.limits import (
    ATTEMPT_LOGS_CHARS_MAX,
    ATTEMPT_METRIC_SERIES_MAX,
    CHECKPOINTS_MAX,
)
from penstock.core.state.run import TaskRun
from penstock.core.state.task_rows import (
    AttemptLog,
    AttemptMetrics,
    Checkpoint,
    CheckpointTotal,
    Metric,
    MetricKind,
    Pulse,
    Repeated,
)
from penstock.core.state.transitions import TaskStatus
from tests.controls import chain, output_of, task
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, refused, register, run
from tests.scenarios.unchanged import unchanged


def test_a_task_that_beats_does_not_time_out(memory: Driver) -> None:
    """Each beat starts timeout_ms anew; when they cease, it is over that long after the last."""
    register(memory, "long", chain(task("long", timeout_ms=10_000)))
    story = run(memory, "long").task("long").starts()
    for _ in range(10):
        memory.pass_ms(9_000)
        assert story.beats().body == {"cancel": False, "stop": None}
    memory.pass_ms(9_999)
    assert story.task_run.status is TaskStatus.TASK_RUNNING
    memory.pass_ms(1)
    story.ends_with("TIMEOUT")
    assert story.thread.failure is not None
    assert "last sign of life" in story.thread.failure.message


def test_a_task_that_must_beat_times_out_when_it_is_silent(memory: Driver) -> None:
    """heartbeat_timeout_ms is the longest silence, from the start on."""
    node = task("long", timeout_ms=10_000_000, heartbeat_timeout_ms=1_000, max_attempts=2)
    register(memory, "long", chain(node))
    story = run(memory, "long").task("long").starts()
    memory.pass_ms(1_000)
    story.task("long").starts().beats()
    assert story.taken.heartbeat_timeout_ms == 1_000
    memory.pass_ms(999)
    story.beats()
    memory.pass_ms(999)
    assert story.task_run.status is TaskStatus.TASK_RUNNING
    memory.pass_ms(1)
    story.ends_with("TIMEOUT")


def test_beats_do_not_carry_a_task_over_its_own_time(memory: Driver) -> None:
    """With heartbeat_timeout_ms, timeout_ms is what an attempt may take, unless a checkpoint is
    put."""
    node = task("long", timeout_ms=2_500, heartbeat_timeout_ms=1_000)
    register(memory, "long", chain(node))
    story = run(memory, "long").task("long").starts()
    for number in range(3):
        memory.pass_ms(900)
        story.beats()
        memory.pass_ms(900)
        story.checkpoints({"at": number}, first=number)
    for _ in range(2):
        memory.pass_ms(900)
        story.beats()
    memory.pass_ms(699)
    assert story.task_run.status is TaskStatus.TASK_RUNNING
    memory.pass_ms(1)
    story.ends_with("TIMEOUT")


def test_a_beat_writes_its_own_small_row_only(memory: Driver) -> None:
    """The task's row, with its inputs, stays as it is."""
    register(memory, "long", chain(task("long")))
    story = run(memory, "long").task("long").starts()
    before = memory.rows_of_run(story.id)
    story.beats(progress={"done": 3})
    after = memory.rows_of_run(story.id)
    changed = {key for key in after if after[key] != before.get(key)}
    assert changed == {Pulse.key("default", story.id, story.taken.guid, 1)}
    row = memory.get(Pulse, story.id, story.taken.guid, 1)
    assert row is not None
    assert row.progress == {"done": 3}


def test_a_beat_of_a_task_whose_start_was_not_heard_of_starts_it(driver: Driver) -> None:
    """The worker's word for it is as good; another worker's is not, from then on."""
    register(driver, "long", chain(task("long")))
    story = run(driver, "long").task("long")
    story.beats(worker="a")
    assert story.task_run.status is TaskStatus.TASK_RUNNING
    refused(driver, TaskHeartbeat(**story.attempt, worker="b"), "ATTEMPT_TAKEN")
    story.succeeds().completes()


def test_a_stale_beat_is_refused(memory: Driver) -> None:
    """Whoever beats for an attempt that is over is told so."""
    register(memory, "long", chain(task("long", max_attempts=2)))
    story = run(memory, "long").task("long").starts()
    stale = TaskHeartbeat(**story.attempt, worker="worker-1")
    story.fails().task("long")
    with unchanged(memory, story.id):
        refused(memory, stale, "ATTEMPT_STALE")


def test_progress_is_bounded(memory: Driver) -> None:
    """It is for people to look at, not a way to keep data."""
    register(memory, "long", chain(task("long")))
    story = run(memory, "long").task("long").starts()
    large = TaskHeartbeat(**story.attempt, worker="worker-1", progress="x" * 5_000)
    with unchanged(memory, story.id):
        refused(memory, large, "TOO_LARGE")


def test_the_next_attempt_goes_on_from_the_checkpoints(driver: Driver) -> None:
    """They are kept from attempt to attempt; a task says how many there are, and the newest."""
    register(driver, "steps", chain(task("steps", max_attempts=3), returns=output_of("n1")))
    story = run(driver, "steps").task("steps").starts()
    assert (story.taken.total_checkpoints, story.taken.checkpoint) == (0, None)
    story.checkpoints({"page": 1}, {"page": 2}).fails().task("steps")
    assert (story.taken.total_checkpoints, story.taken.checkpoint) == (2, {"page": 2})
    story.checkpoints({"page": 3}, first=2).fails().task("steps")
    assert (story.taken.total_checkpoints, story.taken.checkpoint) == (3, {"page": 3})
    rows = driver.scan(Checkpoint, story.id)
    assert [(row.number, row.value["page"], row.attempt) for row in rows] == [
        (0, 1, 1),
        (1, 2, 1),
        (2, 3, 2),
    ]
    story.succeeds(3).completes(3)


def test_a_checkpoint_is_put_once(memory: Driver) -> None:
    """The same number and value is a repeat; another value is refused, and so is a gap."""
    register(memory, "steps", chain(task("steps")))
    story = run(memory, "steps").task("steps").starts().checkpoints("a", "b")
    put = story.attempt
    with unchanged(memory, story.id):
        again = accepted(memory, PutCheckpoint(**put, number=0, value="a"))
        assert again.repeated
        assert again.body["flow"] == "CONTINUE_TASK"
        refused(memory, PutCheckpoint(**put, number=0, value="b"), "ALREADY_EXISTS")
        other = PutCheckpoint(**put, number=2, value="c", worker="other")
        refused(memory, other, "ATTEMPT_TAKEN")
        refused(memory, PutCheckpoint(**put, number=3, value="d"), "CHECKPOINT_GAP")
        refused(memory, PutCheckpoint(**put, number=-1, value="d"), "CHECKPOINT_GAP")
        refused(memory, PutCheckpoint(**put, number=2, value="x" * 300_000), "BAD_VALUE")


def test_a_stale_checkpoint_tells_the_worker_to_stop(memory: Driver) -> None:
    """It changes nothing: an attempt that is over puts nothing aside."""
    register(memory, "steps", chain(task("steps", max_attempts=2)))
    story = run(memory, "steps").task("steps").starts()
    stale = PutCheckpoint(**story.attempt, number=0, value="late")
    story.fails().task("steps")
    with unchanged(memory, story.id):
        answer = accepted(memory, stale)
    assert (answer.body["flow"], answer.body["total_checkpoints"]) == ("STOP_TASK", 0)


@pytest.mark.parametrize("memory", ["memory"], indirect=True)  # 8 MB, digested at each record
def test_checkpoints_are_bounded(memory: Driver) -> None:
    """In count, and in bytes together."""
    register(memory, "steps", chain(task("steps")))
    story = run(memory, "steps").task("steps").starts()
    story.checkpoints(*["x" * 250_000] * 33)
    more = PutCheckpoint(**story.attempt, number=33, value="x" * 250_000)
    refused(memory, more, "LIMIT")
    total = memory.get(CheckpointTotal, story.id, story.taken.guid)
    assert total is not None
    assert total.count == 33
    story.checkpoints(*range(33, CHECKPOINTS_MAX), first=33)
    last = PutCheckpoint(**story.attempt, number=CHECKPOINTS_MAX, value=0)
    refused(memory, last, "LIMIT")


def test_a_report_that_knows_other_checkpoints_changes_nothing(memory: Driver) -> None:
    """A worker may say how many it knows of; then they must be these."""
    register(memory, "steps", chain(task("steps")))
    story = run(memory, "steps").task("steps").starts().checkpoints("a")
    with unchanged(memory, story.id):
        refused(memory, story.report(TaskStatus.TASK_SUCCESS, checkpoints=0), "CHECKPOINT_STALE")
    accepted(memory, story.report(TaskStatus.TASK_SUCCESS, checkpoints=1))
    story.completes()


def test_logs_come_in_pieces_and_are_bounded(memory: Driver) -> None:
    """Each beat's are a row of their own; what is too much is dropped and counted."""
    register(memory, "chatty", chain(task("chatty", max_attempts=2)))
    story = run(memory, "chatty").task("chatty").starts()
    story.beats(logs="one\n")
    story.beats()
    story.beats(logs="x" * ATTEMPT_LOGS_CHARS_MAX)
    story.beats(logs="lost")
    accepted(memory, story.report(TaskStatus.TASK_FAILED, logs="lost too"))
    story.task("chatty").starts()
    accepted(memory, story.report(TaskStatus.TASK_SUCCESS, logs="second"))
    story.completes()
    pieces = memory.scan(AttemptLog, story.id)
    assert [(row.attempt, row.piece, len(row.text), row.chars_dropped) for row in pieces] == [
        (1, 0, 4, 0),
        (1, 1, ATTEMPT_LOGS_CHARS_MAX - 4, 4),
        (2, 0, 6, 0),
    ]
    pulse = memory.get(Pulse, story.id, story.taken.guid, 1)
    assert pulse is not None
    assert pulse.log_chars_dropped == len("lost") + len("lost too")


def test_a_piece_that_comes_again_counts_once(driver: Driver) -> None:
    """Whoever does not know whether a heartbeat was heard says the same again, under its number.
    It is a sign of life each time; what has no number is taken each time.
    """
    register(driver, "measured", chain(task("measured", timeout_ms=6_000)))
    story = run(driver, "measured").task("measured").starts()
    rows = Metric("rows", MetricKind.COUNTER, 2.0)
    for piece, line in ((1, "one\n"), (1, "one\n"), (4, "two\n"), (4, "two\n"), (2, "late\n")):
        driver.pass_ms(4_000 if piece == 4 else 0)
        story.beats(logs=line, metrics=(rows,), piece=piece, progress=piece)
    for _ in range(2):
        story.beats(logs="any\n", metrics=(rows,))
    pulse = driver.get(Pulse, story.id, story.taken.guid, 1)
    assert pulse is not None
    assert (pulse.piece, pulse.progress, pulse.log_chars) == (4, 2, 16)
    story.succeeds().completes()
    assert [row.text for row in driver.scan(AttemptLog, story.id)] == [
        *("one\n", "two\n", "any\n", "any\n")
    ]
    [measured] = driver.scan(AttemptMetrics, story.id)
    assert [(one.value, one.count) for one in measured.series] == [(8.0, 4)]


@pytest.mark.parametrize("heard", [True, False])
def test_a_report_brings_what_a_heartbeat_may_have_brought(memory: Driver, heard: bool) -> None:
    """It says which of its words these are: they count once, whether they were heard or not."""
    register(memory, "measured", chain(task("measured")))
    story = run(memory, "measured").task("measured").starts()
    rows, more = (Metric("rows", MetricKind.COUNTER, value) for value in (2.0, 3.0))
    if heard:
        story.beats(logs="one\n", metrics=(rows,), piece=1)
    words = {"logs": "one\ntwo", "metrics": (rows, more), "repeats": Repeated(1, 4, 1)}
    accepted(memory, story.report(TaskStatus.TASK_SUCCESS, **words))
    story.completes()
    assert "".join(row.text for row in memory.scan(AttemptLog, story.id)) == "one\ntwo"
    [measured] = memory.scan(AttemptMetrics, story.id)
    assert [(one.value, one.count) for one in measured.series] == [(5.0, 2)]


def test_the_pieces_of_another_attempt_are_others(memory: Driver) -> None:
    """Each attempt counts its own."""
    register(memory, "long", chain(task("long", max_attempts=2)))
    story = run(memory, "long").task("long").starts()
    story.beats(logs="one\n", piece=3)
    story.fails().task("long").starts().beats(logs="two\n", piece=1)
    assert [row.text for row in memory.scan(AttemptLog, story.id)] == ["one\n", "two\n"]


def test_a_task_that_says_nothing_has_no_rows_for_it(memory: Driver) -> None:
    """Most tasks are like that."""
    register(memory, "quiet", chain(task("quiet")))
    story = run(memory, "quiet").task("quiet").starts().succeeds().completes()
    for kind in (Pulse, AttemptLog, AttemptMetrics, Checkpoint, CheckpointTotal):
        assert memory.scan(kind, story.id) == []


def test_metrics_of_a_series_add_up(driver: Driver) -> None:
    """Name, kind and tags name a series; beats and the report may bring some."""
    register(driver, "measured", chain(task("measured")))
    story = run(driver, "measured").task("measured").starts()
    rows = Metric("rows", MetricKind.COUNTER, 2.0, {"table": "a", "by": "me"})
    story.beats(metrics=(rows, Metric("took", MetricKind.TIMER, 12.5)))
    same = Metric("rows", MetricKind.COUNTER, 3.0, {"by": "me", "table": "a"})
    other = Metric("rows", MetricKind.COUNTER, 1.0)
    accepted(driver, story.report(TaskStatus.TASK_SUCCESS, metrics=(same, other)))
    story.completes()
    [row] = driver.scan(AttemptMetrics, story.id)
    assert [(one.name, one.kind, one.tags, one.value, one.count) for one in row.series] == [
        ("rows", "counter", {"by": "me", "table": "a"}, 5.0, 2),
        ("took", "timer", {}, 12.5, 1),
        ("rows", "counter", {}, 1.0, 1),
    ]


@pytest.mark.parametrize(
    "bad",
    [
        Metric("", MetricKind.COUNTER, 1.0),
        Metric("n" * 200, MetricKind.COUNTER, 1.0),
        Metric("n", MetricKind.COUNTER, float("nan")),
        Metric("n", MetricKind.COUNTER, 1.0, {str(at): "" for at in range(17)}),
        Metric("n", MetricKind.COUNTER, 1.0, {"tag": "x" * 200}),
    ],
)
def test_a_bad_metric_is_dropped_and_counted(memory: Driver, bad: Metric) -> None:
    """It fails nothing; the others count."""
    register(memory, "measured", chain(task("measured")))
    story = run(memory, "measured").task("measured")
    good = Metric("good", MetricKind.COUNTER, 1.0)
    accepted(memory, story.report(TaskStatus.TASK_SUCCESS, metrics=(bad, good)))
    story.completes()
    [row] = memory.scan(AttemptMetrics, story.id)
    assert ([one.name for one in row.series], row.dropped) == (["good"], 1)


def test_series_are_bounded(memory: Driver) -> None:
    """A known one still adds up when there is no room for new ones."""
    register(memory, "measured", chain(task("measured")))
    story = run(memory, "measured").task("measured").starts()
    many = [
        Metric(f"m{at}", MetricKind.COUNTER, 1.0) for at in range(ATTEMPT_METRIC_SERIES_MAX + 5)
    ]
    story.beats(metrics=tuple(many))
    story.beats(metrics=(many[0],))
    [row] = memory.scan(AttemptMetrics, story.id)
    assert (len(row.series), row.dropped) == (ATTEMPT_METRIC_SERIES_MAX, 5)
    assert row.series[0].value == 2.0


def test_a_success_may_come_with_a_warning(memory: Driver) -> None:
    """A flag on the attempt; nothing else comes with one."""
    register(memory, "warned", chain(task("warned", max_attempts=2)))
    story = run(memory, "warned").task("warned")
    accepted(memory, story.report(TaskStatus.TASK_FAILED, warning=True))
    story.task("warned")
    accepted(memory, story.report(TaskStatus.TASK_SUCCESS, warning=True))
    story.completes()
    row = memory.get(TaskRun, story.id, story.taken.guid)
    assert row is not None
    assert row.attempt.warning
    assert row.status is TaskStatus.TASK_SUCCESS


def test_attempts_have_times_of_their_own(memory: Driver) -> None:
    """Scheduled, started, ended, and by whom."""
    register(memory, "timed", chain(task("timed")))
    story = run(memory, "timed").task("timed")
    scheduled_ms = story.task_run.attempt.scheduled_ms
    memory.pass_ms(500)
    story.starts("me")
    memory.pass_ms(700)
    attempt = story.succeeds().task_run.attempt
    assert attempt.worker == "me"
    assert (attempt.scheduled_ms, attempt.started_ms, attempt.ended_ms) == (
        scheduled_ms,
        scheduled_ms + 500,
        scheduled_ms + 1_200,
    )
