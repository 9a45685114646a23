"""A worker fills in secrets, and tells nobody."""

import pytest

from penstock import TaskError, Worker, secret, task, workflow
from penstock.core.commands.report_task import ReportTask
from penstock.core.commands.task_heartbeat import TaskHeartbeat
from penstock.core.limits import (
    ATTEMPT_LOGS_CHARS_MAX,
    METRIC_TEXT_CHARS_MAX,
    PROGRESS_BYTES_MAX,
)
from penstock.core.state.outputs import ScheduledTask
from penstock.core.state.transitions import TaskStatus
from penstock.core.values.forms import Secret
from penstock.core.values.value import value_bytes
from penstock.sdk.attempt import Attempt
from penstock.sdk.context import TaskContext
from penstock.sdk.errors import DefinitionError
from penstock.sdk.secret import SecretProvider, from_environment

KEY = "s3cret-value"


def attempt_of(of: object, provider: SecretProvider = from_environment) -> Attempt:
    scheduled = ScheduledTask(
        tenant="default", wf_run_id="run", guid="guid", task_def="t", attempt=1,
        inputs={"key": None}, wf_spec="wf", version=1, node="1-n", thread=0, scheduled_at_ms=0,
        timeout_ms=1000, max_attempts=3, report_partition=0, secrets={"key": "smtp_key"},
    )  # fmt: skip
    return Attempt(of, scheduled, "me", provider)  # type: ignore[arg-type]


def ran(of: object, provider: SecretProvider = from_environment) -> ReportTask:
    return attempt_of(of, provider).run()


def test_a_secret_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_SECRET_SMTP_KEY", KEY)

    @task
    def size(key: str) -> int:
        return len(key)

    assert ran(size).output == len(KEY)


def test_nothing_that_is_reported_shows_a_secret() -> None:
    @task
    def echoes(key: str, context: TaskContext) -> dict[str, list[str]]:
        context.log(f"with {key}")
        context.counter("mails", 1, {"key": key})
        return {f"of {key}": [f"<{key}>", "plain"]}

    @task
    def breaks(key: str) -> None:
        raise RuntimeError(f"{key} is wrong")

    @task
    def throws(key: str) -> None:
        raise TaskError("no-mail", f"{key} is wrong", content=[key])

    report = ran(echoes, lambda _: KEY)
    assert report.output == {"of *****": ["<*****>", "plain"]}
    assert report.logs == "with *****"
    assert report.metrics[0].tags == {"key": "*****"}
    report = ran(breaks, lambda _: KEY)
    assert report.error == "RuntimeError: ***** is wrong"
    assert "breaks" in report.logs
    assert KEY not in report.logs
    report = ran(throws, lambda _: KEY)
    assert (report.error, report.output) == ("***** is wrong", ["*****"])


def test_no_heartbeat_shows_a_secret() -> None:
    said: list[TaskHeartbeat] = []

    @task
    def tells(key: str, context: TaskContext) -> None:
        context.heartbeat({"with": key})
        context.log(key)
        context.counter("of", 1, {"key": key})
        (progress,) = context.take_pulse() or (None,)
        said.append(attempt.heartbeat(progress, context.take_piece()))

    attempt = attempt_of(tells, lambda _: KEY)
    attempt.run()
    (told,) = said
    assert (told.progress, told.logs) == ({"with": "*****"}, "*****\n")
    assert told.metrics[0].tags == {"key": "*****"}


def test_a_secret_is_hidden_before_anything_is_cut() -> None:
    """What is left of one is not found any more."""
    long = KEY + "x" * 300

    @task
    def tells(key: str, context: TaskContext) -> None:
        context.counter("y" * (METRIC_TEXT_CHARS_MAX - 10) + key)
        context.log("y" * (ATTEMPT_LOGS_CHARS_MAX - 100))
        context.log(key)

    @task
    def breaks(key: str) -> None:
        raise RuntimeError(key * 300)

    report = ran(tells, lambda _: long)
    assert report.metrics[0].name.endswith("yy*****")
    assert report.logs.endswith("yy\n*****")
    assert "xx" not in ran(breaks, lambda _: long).logs


def test_a_secret_is_no_name_of_an_exception() -> None:
    @task
    def throws(key: str) -> None:
        raise TaskError(key, "no mail")

    report = ran(throws, lambda _: KEY)
    assert (report.status, report.exception) == (TaskStatus.TASK_FAILED, None)
    assert (report.error or "").startswith("TaskError '*****': no mail")


def test_what_stars_make_longer_keeps_to_its_bounds() -> None:
    """Else the engine would refuse the sign of life, and drop the measure."""
    said: list[int] = []

    @task
    def tells(key: str, context: TaskContext) -> None:
        context.counter(key * METRIC_TEXT_CHARS_MAX)
        context.heartbeat(key * (PROGRESS_BYTES_MAX // 2))
        said.append(value_bytes(context.take_pulse()))

    (measured,) = ran(tells, lambda _: "k").metrics
    assert len(measured.name) == METRIC_TEXT_CHARS_MAX
    assert said[0] < PROGRESS_BYTES_MAX


def test_a_secret_that_is_missing_is_a_failure_that_may_be_tried_again() -> None:
    @task
    def size(key: str) -> int:
        return len(key)

    def broken(name: str) -> str:
        raise LookupError(KEY)

    report = ran(size)
    assert report.status is TaskStatus.TASK_FAILED
    assert "PENSTOCK_SECRET_SMTP_KEY" in (report.error or "")
    assert ran(size, lambda _: "").status is TaskStatus.TASK_FAILED
    report = ran(size, broken)
    assert report.status is TaskStatus.TASK_FAILED
    assert report.error == "secret 'smtp_key': the provider raised LookupError"


def test_a_workflow_names_a_secret() -> None:
    @task
    def mail(key: str) -> None:
        """Send."""

    @workflow
    def mailing() -> None:
        mail(secret("smtp_key"))

    nodes = mailing.spec.threads["entrypoint"].nodes
    [inputs] = [node.inputs for node in nodes.values() if hasattr(node, "inputs")]  # type: ignore[union-attr]
    assert inputs == {"key": Secret("smtp_key")}
    with pytest.raises(DefinitionError):
        secret("smtp_key")
    assert Worker(mail, secret_provider=lambda _: KEY)
