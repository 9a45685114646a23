"""The built-in tasks as a worker runs them: inputs, outputs, failures, metrics, logs."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from penstock import TaskDef
from penstock.builtin.addresses import allowed_of
from penstock.builtin.keys import KeyFile, KeyFileError
from penstock.builtin.outbound import Outbound
from penstock.builtin.tasks import BuiltinTasks
from penstock.core.commands.report_task import ReportTask
from penstock.core.state.outputs import ScheduledTask
from penstock.core.state.transitions import TaskStatus
from penstock.sdk.attempt import Attempt
from tests.builtin.clients import NO_TLS, awaited
from tests.builtin.receivers import OK, Answer, Receiver, raw, receiving

SECRET = "whsec_" + "c2VjcmV0" * 6
OTHER = "whsec_" + "b3RoZXIh" * 6
KEYS = f"""
[webhooks.default]
url = "https://nobody.invalid/"
secrets = ["{SECRET}", "{OTHER}"]

[webhooks.nowhere]
secrets = ["{SECRET}"]

[credentials.crm]
hosts = ["127.0.0.1"]
secret = "t0ken"

[credentials.elsewhere]
hosts = ["api.example.com"]
secret = "t0ken"
"""


def report_of(of: TaskDef[..., Any], /, **inputs: Any) -> ReportTask:
    """What a worker reports of one attempt, its second."""
    scheduled = ScheduledTask(
        tenant="default", wf_run_id="run", guid="guid1", task_def=of.name, attempt=2,
        inputs=inputs, wf_spec="wf", version=1, node="1-n", thread=0, scheduled_at_ms=0,
        timeout_ms=1000, max_attempts=3, report_partition=0,
    )  # fmt: skip
    attempt = Attempt(of, scheduled, "me")
    return asyncio.run(awaited(attempt)) if of.is_async else attempt.run()


class Calls:
    """Built-in tasks that may reach a receiver with the given answers."""

    def __init__(self, tmp_path: Path) -> None:
        self._keys = tmp_path / "keys.toml"
        self._keys.write_text(KEYS)
        self.receiver: Receiver | None = None

    def __call__(self, name: str, answers: tuple[Answer, ...], /, **inputs: Any) -> ReportTask:
        return asyncio.run(self._call(name, answers, inputs))

    async def _call(
        self, name: str, answers: tuple[Answer, ...], inputs: dict[str, Any]
    ) -> ReportTask:
        async with receiving(*answers) as receiver:
            self.receiver = receiver
            filled = {
                key: value.replace("HERE", receiver.url) if isinstance(value, str) else value
                for key, value in inputs.items()
            }
            return await asyncio.to_thread(report_of, self._task(name, receiver.port), **filled)

    def _task(self, name: str, port: int) -> TaskDef[..., Any]:
        outbound = Outbound(
            allowed=allowed_of(["127.0.0.1"]), ports=frozenset({port}), verify=NO_TLS, timeout_s=5
        )
        tasks = BuiltinTasks(outbound, KeyFile(self._keys))
        return next(one for one in tasks.all if one.name == name)

    @property
    def seen(self) -> Receiver:
        assert self.receiver is not None
        return self.receiver


@pytest.fixture
def call(tmp_path: Path) -> Calls:
    return Calls(tmp_path)


def request(**given: Any) -> dict[str, Any]:
    """Inputs of http-request; a spec that is not written in Python gives all of them."""
    nulls = dict.fromkeys(("method", "headers", "body", "auth", "allow_failed"))
    return {"uri": "HERE/a?b=c", **nulls, **given}


def webhook(**given: Any) -> dict[str, Any]:
    fixed = {"type": "order.paid", "data": {"id": "o1"}, "url": "HERE/hook"}
    return {**fixed, "endpoint": None, "timestamp": None, **given}


TASKS = BuiltinTasks(Outbound(verify=NO_TLS))


# return, log, fail.


def test_return_gives_back_and_measures() -> None:
    report = report_of(TASKS.return_, value="1-1_return > s1 ⬅ 2021-05-04T12:02:53.938333Z")

    assert report.output == {"value": "1-1_return > s1 ⬅ 2021-05-04T12:02:53.938333Z"}
    assert report.logs == f"INFO {report.output['value']}"
    length, duration = report.metrics
    assert (length.name, length.kind, length.value) == ("length", "counter", 45.0)
    assert (duration.name, duration.kind) == ("duration", "timer")
    assert 0 <= duration.value < 1_000
    assert length.tags == duration.tags == {"format": report.output["value"]}
    nothing = report_of(TASKS.return_, value=None)
    assert (nothing.output, nothing.logs) == ({"value": None}, "")
    assert report_of(TASKS.return_, value="x" * 999).metrics[0].tags == {"format": "x" * 128}


def test_log_writes_lines_of_a_level() -> None:
    report = report_of(TASKS.log, message="a", level="WARN", messages=["b", "c"])

    assert report.status is TaskStatus.TASK_SUCCESS
    assert report.logs == "WARN a\nWARN b\nWARN c"
    assert report_of(TASKS.log, message="a", level=None, messages=None).logs == "INFO a"
    assert report_of(TASKS.log, message="a", level="LOUD", messages=None).exception == "BAD_INPUT"


def test_fail_is_a_business_exception_of_the_given_name() -> None:
    report = report_of(TASKS.fail, message="no more", name="OUT_OF_STOCK", content={"left": 0})

    assert report.status is TaskStatus.TASK_EXCEPTION
    assert (report.exception, report.error) == ("OUT_OF_STOCK", "no more")
    assert report.output == {"left": 0}
    plain = report_of(TASKS.fail, message=None, name=None, content=None)
    assert (plain.exception, plain.error) == ("FAILED", "")


@pytest.mark.parametrize("name", ["TIMEOUT", "ERROR", "a b", "a\x00", "ü", "x" * 129])
def test_fail_takes_no_name_that_the_engine_would_refuse(name: str) -> None:
    assert report_of(TASKS.fail, message="", name=name, content=None).exception == "BAD_INPUT"


# http-request.


def test_http_request_gives_the_answer_as_output(call: Calls) -> None:
    answer = raw(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"a": 1}')

    report = call(
        "http-request", (answer,), **request(method="PUT", body="ü", headers={"X-A": "1"})
    )

    assert report.status is TaskStatus.TASK_SUCCESS, report.error
    assert report.output == {
        "code": 200,
        "headers": {"content-type": "application/json"},
        "body": '{"a": 1}',
        "encoding": "text",
        "uri": f"{call.seen.url}/a?b=c",
    }
    [seen] = call.seen.requests
    assert (seen.line, seen.body) == ("PUT /a?b=c HTTP/1.1", "ü".encode())
    assert (seen.headers["x-a"], seen.headers["idempotency-key"]) == ("1", "guid1")
    assert report.logs == "PUT 127.0.0.1: 200"
    counter, timer = report.metrics
    assert counter.tags == {"host": "127.0.0.1", "method": "PUT", "result": "200"}
    assert timer.kind == "timer"


def test_a_body_that_is_no_text_comes_as_base64(call: Calls) -> None:
    for head, body, expected in (
        (b"", b"\xff\x00", ("/wA=", "base64")),
        (b"Content-Type: text/plain; charset=ISO-8859-1\r\n", b"\xfc", ("ü", "text")),
        (b"Content-Type: text/plain; charset=punycode\r\n", b"a", ("YQ==", "base64")),
    ):
        answer = raw(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + body)
        output = call("http-request", (answer,), **request()).output
        assert (output["body"], output["encoding"]) == expected


def test_an_answer_that_says_no_fails_the_attempt_unless_allowed(call: Calls) -> None:
    answer = raw(b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone")

    report = call("http-request", (answer,), **request())
    allowed = call("http-request", (answer,), **request(allow_failed=True))

    assert report.status is TaskStatus.TASK_FAILED
    assert report.error == "RequestFailed: 127.0.0.1 answered 404: gone"
    assert allowed.output["code"] == 404


def test_a_request_that_may_never_be_sent_is_not_tried_again(call: Calls) -> None:
    for inputs, code in (
        (request(uri="http://169.254.169.254/latest"), "PORT_REFUSED"),
        (request(uri="http://[::1]/"), "PORT_REFUSED"),
        (request(uri="nonsense"), "BAD_URL"),
        (request(headers={"Host": "x"}), "BAD_HEADER"),
        (request(method="TRACE"), "BAD_METHOD"),
    ):
        report = call("http-request", (raw(OK),), **inputs)
        assert (report.status, report.exception) == (TaskStatus.TASK_EXCEPTION, code)
        assert call.seen.connections == 0
    inner = report_of(TASKS.http_request, **request(uri="http://127.0.0.1/"))
    assert inner.exception == "ADDRESS_REFUSED"


def test_no_answer_may_be_tried_again(call: Calls) -> None:
    report = call("http-request", (raw(b""),), **request())

    assert report.status is TaskStatus.TASK_FAILED
    assert "BAD_ANSWER" in (report.error or "")
    assert report.metrics[0].tags["result"] == "BAD_ANSWER"


def test_credentials_are_given_or_named(call: Calls) -> None:
    for auth, expected in (
        ({"type": "basic", "username": "u", "password": "p"}, "Basic dTpw"),
        ({"type": "bearer", "token": "t"}, "Bearer t"),
        ({"type": "bearer", "secret": "crm"}, "Bearer t0ken"),
        ({"type": "basic", "username": "u", "secret": "crm"}, "Basic dTp0MGtlbg=="),
    ):
        report = call("http-request", (raw(OK),), **request(auth=auth))
        assert report.status is TaskStatus.TASK_SUCCESS, report.error
        assert call.seen.requests[0].headers["authorization"] == expected


def test_credentials_that_are_wrong_or_for_another_host_are_not_sent(call: Calls) -> None:
    for auth, code in (
        ({"type": "bearer"}, "BAD_INPUT"),
        ({"type": "bearer", "token": "t", "secret": "crm"}, "BAD_INPUT"),
        ({"type": "basic", "username": "a:b", "password": "p"}, "BAD_INPUT"),
        ({"type": "bearer", "secret": "unknown"}, "SECRET_UNKNOWN"),
        ({"type": "bearer", "secret": "elsewhere"}, "SECRET_REFUSED"),
    ):
        report = call("http-request", (raw(OK),), **request(auth=auth))
        assert report.exception == code
        assert call.seen.connections == 0
        assert "t0ken" not in str(report)
    crm = {"type": "bearer", "secret": "crm"}
    for uri in ("http://127.0.0.1\\@api.example.com/", "http://api.example.com\\@127.0.0.1/"):
        report = call("http-request", (raw(OK),), **request(uri=uri, auth=crm))
        assert report.exception == "BAD_URL"
    typed = call("http-request", (raw(OK),), **request(auth={"type": "digest"}))
    assert typed.status is TaskStatus.TASK_INPUT_VAR_SUB_ERROR


# send-webhook.


def test_a_webhook_is_signed_as_its_receiver_checks_it(call: Calls) -> None:
    report = call("send-webhook", (raw(OK),), **webhook(timestamp="2026-01-31T13:00:00+01:00"))

    assert report.status is TaskStatus.TASK_SUCCESS, report.error
    assert report.output == {
        "code": 200, "webhook_id": "guid1", "timestamp": "2026-01-31 12:00:00 UTC",
    }  # fmt: skip
    [seen] = call.seen.requests
    assert (seen.line, seen.headers["content-type"]) == ("POST /hook HTTP/1.1", "application/json")
    for secret in (SECRET, OTHER):
        assert Webhook(secret).verify(seen.body, seen.headers) == {
            "type": "order.paid",
            "timestamp": "2026-01-31 12:00:00 UTC",
            "data": {"id": "o1"},
        }


def test_every_attempt_has_the_same_id(call: Calls) -> None:
    ids: set[str] = set()
    for status in (503, 200):
        call("send-webhook", (raw(f"HTTP/1.1 {status} X\r\n\r\n".encode()),), **webhook())
        ids.add(call.seen.requests[0].headers["webhook-id"])
    assert ids == {"guid1"}


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_success(call: Calls, status: int) -> None:
    report = call("send-webhook", (raw(f"HTTP/1.1 {status} X\r\n\r\n".encode()),), **webhook())

    assert report.status is TaskStatus.TASK_SUCCESS


def test_an_endpoint_that_is_gone_is_not_tried_again(call: Calls) -> None:
    report = call("send-webhook", (raw(b"HTTP/1.1 410 Gone\r\n\r\n"),), **webhook())

    assert (report.status, report.exception) == (TaskStatus.TASK_EXCEPTION, "ENDPOINT_GONE")


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 429, 500, 502, 503, 504])
def test_any_other_answer_is_tried_again(call: Calls, status: int) -> None:
    head = f"HTTP/1.1 {status} X\r\nRetry-After: 30\r\nLocation: /\r\n\r\n".encode()

    report = call("send-webhook", (raw(head),), **webhook())

    assert report.status is TaskStatus.TASK_FAILED
    assert len(call.seen.requests) == 1
    asks = "Retry-After 30" in (report.error or "")
    assert asks == (status in (429, 502, 503, 504))
    assert report.retry_after_ms == (30_000 if asks else 0)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"type": "order paid"}, "BAD_INPUT"),
        ({"type": "order..paid"}, "BAD_INPUT"),
        ({"type": "x" * 129}, "BAD_INPUT"),
        ({"timestamp": "yesterday"}, "BAD_INPUT"),
        ({"timestamp": "2026-01-31T12:00:00"}, "BAD_INPUT"),
        ({"timestamp": "0001-01-01T00:00:00+23:00"}, "BAD_INPUT"),
        ({"endpoint": "unknown"}, "SECRET_UNKNOWN"),
        ({"endpoint": "nowhere", "url": None}, "BAD_INPUT"),
        ({"url": None}, "PORT_REFUSED"),
        ({"data": {"x": "y" * 300_000}}, "REQUEST_TOO_LARGE"),
    ],
)
def test_a_webhook_that_can_not_be_is_not_sent(
    call: Calls, given: dict[str, Any], code: str
) -> None:
    report = call("send-webhook", (raw(OK),), **webhook(**given))

    assert report.exception == code, report.error
    assert call.seen.connections == 0


# The file of secrets.


def test_a_changed_secret_counts_at_once(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(f'[webhooks.default]\nsecrets = ["{SECRET}"]')
    keys = KeyFile(path)
    path.write_text(f'[webhooks.default]\nsecrets = ["{OTHER}"]')

    assert keys.endpoint("default").secrets == (OTHER,)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[webhooks.a]\nsecrets = ['whsec_c2VjcmV0']", "[webhooks.a]: a signing secret has 24"),
        ("[webhooks.a]\nsecrets = []", "it has no secrets"),
        ("[webhooks.a]\nsecrets = 'hidden!'", "Expected `array`"),
        ("[webhooks.a]\nsecret = ['hidden!']", "unknown field `secret`"),
        ("[webhooks.a]\nsecrets = hidden!", "is not TOML (at line 2, column"),
        ("[credentials.a]\nsecret = 'hidden!'\nhosts = []", "at least one"),
        ("[credentials.a]\nsecret = 'hidden!'\nhosts = ['*']", "names in lower case"),
        ("[other]", "unknown field"),
    ],
)
def test_a_wrong_file_is_refused_and_shows_no_secret(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(text)

    with pytest.raises(KeyFileError) as refused:
        KeyFile(path)

    assert said in str(refused.value)
    assert "hidden" not in str(refused.value)
    with pytest.raises(KeyFileError, match="can not be read"):
        KeyFile(tmp_path / "none.toml")


def test_bodies_are_json_that_says_when(call: Calls) -> None:
    call("send-webhook", (raw(OK),), **webhook(data=None))

    body = json.loads(call.seen.requests[0].body)
    assert list(body) == ["type", "timestamp", "data"]
    assert body["data"] == {}
    assert len(body["timestamp"]) == len("2026-01-31 12:00:00 UTC")
