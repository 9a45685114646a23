"""A worker fills in secrets, and tells nobody."""

import pytest

from penstock import TaskError, Worker, secret, task, workflow
from penstock.core.commands.report_task import ReportTask
from penstock.core.state.outputs import ScheduledTask
from penstock.core.state.task_rows import Metric, MetricKind
from penstock.core.state.transitions import TaskStatus
from penstock.core.values.forms import Secret
from penstock.sdk.attempt import Attempt
from penstock.sdk.context import TaskContext, Words
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
    @task
    def size(key: str) -> int:
        return len(key)

    attempt = attempt_of(size, lambda _: KEY)
    attempt.run()
    words = Words(KEY, (Metric("of", MetricKind.COUNTER, 1.0, {"key": KEY}),))
    told = attempt.heartbeat({"with": KEY}, words)
    assert (told.progress, told.logs) == ({"with": "*****"}, "*****\n")
    assert told.metrics[0].tags == {"key": "*****"}


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
