"""The errors of the SDK. Each says what went wrong in a sentence, and carries the engine's stable
code if it has one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final


class DefinitionError(Exception):
    """A task or a workflow is written in a way that can not be; `where` is the `file:line` of the
    user's code.

    >>> @workflow
    ... def wrong(count: int) -> None:
    ...     if count > 3:
    ...         greet("many")
    >>> wrong.spec
    Traceback (most recent call last):
    penstock.sdk.errors.DefinitionError: <doctest ...>:3: ...
    """

    def __init__(self, where: str, message: str) -> None:
        super().__init__(f"{where}: {message}")
        self.where = where
        self.message = message


class TaskError(Exception):
    """A business exception, raised by a task's function: the workflow may handle it by its name; it
    is not retried.

    >>> raise TaskError("OUT_OF_STOCK", "no more of these", {"left": 0})
    Traceback (most recent call last):
    penstock.sdk.errors.TaskError: OUT_OF_STOCK: no more of these
    """

    def __init__(self, name: str, message: str = "", content: Any = None) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.message = str(message)  # often an exception is given
        self.content = content


class AddressGone(TaskError):
    """A business exception, raised by a task whose TaskDef says by which inputs it is addressed:
    what is there takes nothing any more. Other tasks to that address end with it at once, until
    somebody has it tried again.

    >>> @task(addressed_by=["url"])
    ... def notify(url: str) -> None:
    ...     raise AddressGone("GONE", f"{url} answers 410")
    >>> notify("http://old.example")
    Traceback (most recent call last):
    penstock.sdk.errors.AddressGone: GONE: http://old.example answers 410
    """


class RetryLater(Exception):
    """Raised by a task's function whose attempt has failed and that knows when to try again: not
    before `after_s`, or the node's backoff if that is longer. Whether there is another attempt is
    the node's to say.

    >>> @task(max_attempts=3)
    ... def forecast(city: str) -> str:
    ...     raise RetryLater("the service asks to wait", after_s=30)
    >>> @workflow
    ... def asking(city: str) -> str:
    ...     return forecast(city)
    >>> engine.register(asking)
    >>> run = engine.run(asking, city="Oslo")
    >>> engine.fake(forecast, "rain")
    >>> run.result(timeout=30)
    'rain'
    """

    def __init__(self, message: str, after_s: float) -> None:
        super().__init__(message)
        self.after_s = after_s


class PenstockError(Exception):
    """A request failed. `code` is stable, `message` is for people, `status` is HTTP's (0: there was
    no answer). `faults` are the mistakes in a definition, one by one: {fault, message, thread,
    node}, in a flow {line, column}, and of a workflow {where}; the first is stable, too.
    `retry_after_s` is how long the server asks to wait.

    >>> try:
    ...     client.handle("nobody").get()
    ... except PenstockError as error:
    ...     print(error.code, error.status)
    WF_RUN_UNKNOWN 404
    """

    def __init__(
        self,
        code: str,
        message: str,
        status: int = 0,
        faults: Sequence[dict[str, Any]] = (),
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.faults = list(faults)
        self.retry_after_s = retry_after_s
        self.code = code
        self.message = message
        self.status = status


class InvalidRequest(PenstockError):
    """The request can never be right as it is.

    >>> client.run("greeting", {"name": 7})
    Traceback (most recent call last):
    penstock.sdk.errors.InvalidRequest: ...
    """


class Forbidden(PenstockError):
    """The caller may not do that."""


class NotFound(PenstockError):
    """What the request names does not exist.

    >>> client.handle("nobody").status()
    Traceback (most recent call last):
    penstock.sdk.errors.NotFound: WF_RUN_UNKNOWN: ...
    """


class Conflict(PenstockError):
    """The request does not fit the state of what it names; or it exists already, and differs.

    >>> client.run(greeting, name="Ada", wf_run_id="greeting-5")
    <run greeting-5>
    >>> client.run(greeting, name="Bob", wf_run_id="greeting-5")
    Traceback (most recent call last):
    penstock.sdk.errors.Conflict: ALREADY_EXISTS: ...
    """


class Unavailable(PenstockError):
    """No answer, or not now, until the deadline; whether a command took effect is not known.

    >>> Client("http://127.0.0.1:9", deadline_s=0.1).handle("greeting-1").get()
    Traceback (most recent call last):
    penstock.sdk.errors.Unavailable: UNREACHABLE: ...
    """


class Incomplete(Unavailable):
    """A list has come to its end without what lies on partitions that could not be asked; `missing`
    are their numbers.
    """

    def __init__(self, missing: Sequence[int]) -> None:
        self.missing = sorted(missing)
        told = f"partitions {self.missing} could not be asked: what they have is missing"
        super().__init__("INCOMPLETE", told)


class ServerError(PenstockError):
    """The server met a defect of its own."""


class RunFailed(PenstockError):
    """A run ended without success: `code` is the failure's name, `content` what a business
    exception carries.

    >>> @workflow
    ... def sold_out() -> None:
    ...     fail("sold-out", "no more of these", {"left": 0})
    >>> engine.register(sold_out)
    >>> try:
    ...     engine.run(sold_out).result()
    ... except RunFailed as failed:
    ...     print(failed.code, failed.content)
    sold-out {'left': 0}
    """

    def __init__(
        self, wf_run_id: str, name: str, message: str, *, status: str, content: Any = None
    ) -> None:
        said = f": {message}" if message else ""
        super().__init__(name, f"run {wf_run_id} ended in {status}{said}")
        self.wf_run_id = wf_run_id
        self.run_status = status
        self.failure_message = message
        self.content = content


class ResultTimeout(PenstockError, TimeoutError):
    """A run or a bulk job had not ended, or an update was not answered, when the time was over. It
    goes on; ask again.

    >>> @workflow
    ... def patient() -> None:
    ...     wait_for_event("enough")
    >>> client.register(patient)
    >>> client.run(patient).result(timeout=0.1)
    Traceback (most recent call last):
    penstock.sdk.errors.ResultTimeout: RESULT_TIMEOUT: run ... had not ended after 0.1 s
    """

    def __init__(
        self, id: str, timeout_s: float, what: str = "run", awaited: str = "ended"
    ) -> None:
        super().__init__("RESULT_TIMEOUT", f"{what} {id} had not {awaited} after {timeout_s:g} s")
        self.id = id


class Unanswered(PenstockError):
    """A run has ended without an answer to an update; whether it acted on it, its story tells."""

    def __init__(self, wf_run_id: str, name: str) -> None:
        super().__init__("UNANSWERED", f"run {wf_run_id} has ended, and not answered {name!r}")
        self.wf_run_id = wf_run_id


_BY_STATUS: Final[dict[int, type[PenstockError]]] = {
    401: Forbidden,
    403: Forbidden,
    404: NotFound,
    408: Unavailable,
    409: Conflict,
    421: Unavailable,
    429: Unavailable,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}


def error_of(
    status: int,
    code: str,
    message: str,
    faults: Sequence[dict[str, Any]] = (),
    after_s: float | None = None,
) -> PenstockError:
    """The error that an HTTP answer stands for."""
    kind = _BY_STATUS.get(status, InvalidRequest if status < 500 else ServerError)
    return kind(code, message, status, faults, after_s)
