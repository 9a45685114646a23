"""What a receiver asks for in Retry-After is what the report asks of the engine."""

import time
from email.utils import formatdate

import pytest

from penstock.core.state.transitions import TaskStatus
from tests.builtin.receivers import raw
from tests.builtin.test_tasks import Calls, call, webhook

__all__ = ["call"]


@pytest.mark.parametrize(
    ("wish", "low_ms", "high_ms"),
    [
        ("0", 0, 0),
        ("7", 7_000, 7_000),
        ("9" * 60, 24 * 3_600_000, 24 * 3_600_000),
        ("-5", 0, 0),
        ("soon", 0, 0),
        ("\xb2", 0, 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 24 * 3_600_000, 24 * 3_600_000),
        ("{soon}", 50_000, 60_000),
    ],
)
def test_a_receiver_may_say_when_to_try_again(
    call: Calls, wish: str, low_ms: int, high_ms: int
) -> None:
    """In seconds or as a date; a day at most."""
    wish = wish.replace("{soon}", formatdate(time.time() + 60, usegmt=True))
    head = f"HTTP/1.1 503 X\r\nRetry-After: {wish}\r\n\r\n".encode("latin-1")
    report = call("send-webhook", (raw(head),), **webhook())
    assert report.status is TaskStatus.TASK_FAILED
    assert low_ms <= report.retry_after_ms <= high_ms
