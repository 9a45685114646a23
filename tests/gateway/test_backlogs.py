"""What waits in many queues is counted together; one that can not be counted in time is told as
such, and holds up nobody.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from penstock.gateway import backlogs
from penstock.gateway.backlogs import Backlogs
from penstock.log.port import Backlog, LogError
from tests.gateway.served import Served
from tests.gateway.test_streams import told

TENANT = "backlogs"
NAMES = [f"bl-{number:02}" for number in range(12)]


@pytest.fixture(scope="module", autouse=True)
def _registered(served: Served) -> None:
    for name in NAMES:
        served.good("PUT", "/v1/task-defs", {"name": name}, tenant=TENANT)


class SlowLog:
    """The log, but that counting of some queues waits until it is let go, or fails."""

    def __init__(self, served: Served, slow: str, broken: str) -> None:
        self._log = served.made.log
        self._of = {name: served.made.topics.task(TENANT, name) for name in (slow, broken)}
        self._slow, self._broken = slow, broken
        self.free = threading.Event()
        self.counted = 0

    def backlog(self, topic: str, group: str) -> Backlog:
        self.counted += 1
        if topic == self._of[self._slow]:
            assert self.free.wait(30)
        if topic == self._of[self._broken]:
            raise LogError("it is away")
        return self._log.backlog(topic, group)


def test_what_can_not_be_counted_in_time_is_left_out(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And who asks again meets the same count, which is still under way."""
    monkeypatch.setattr(backlogs, "DEADLINE_S", 0.3)
    log: Any = SlowLog(served, NAMES[1], NAMES[2])
    held = Backlogs(log=log, topics=served.made.topics)

    async def ask() -> None:
        for _ in range(2):
            found = await held.of(TENANT, NAMES)
            assert set(found) == {*NAMES} - {NAMES[1], NAMES[2]}
        assert log.counted < 2 * len(NAMES)
        log.free.set()
        while NAMES[1] not in await held.of(TENANT, NAMES[:2]):
            await asyncio.sleep(0.01)

    try:
        asyncio.run(ask())
    finally:
        log.free.set()
        held.close()


def test_a_list_of_queues_says_null_of_what_is_not_counted(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    log: Any = SlowLog(served, NAMES[1], NAMES[2])
    log.free.set()
    monkeypatch.setattr(served.made.app.state.gateway.backlogs, "_log", log)
    first = served.good("GET", "/v1/task-queues?limit=5", tenant=TENANT)
    rest = served.good("GET", f"/v1/task-queues?cursor={first['cursor']}", tenant=TENANT)
    waiting = {one["task_def"]: one["waiting"] for one in first["items"] + rest["items"]}
    assert len(first["items"]) == 5
    assert waiting == {name: None if name == NAMES[2] else 0 for name in NAMES}
    one = served.good("GET", f"/v1/task-queues/{NAMES[2]}", tenant=TENANT)
    assert one == {"task_def": NAMES[2], "waiting": None, "oldest_at": None}


def test_a_queue_is_followed(served: Served) -> None:
    served.a_task_def("bl-followed")
    served.a_wf_spec("bl-followed", "bl-followed")
    path = "/v1/task-queues/bl-followed/follow"
    with served.http.stream("GET", path) as stream:
        events = told(stream.iter_lines())
        assert next(events) == (
            *("queue", {"task_def": "bl-followed", "waiting": 0, "oldest_at": None}),
        )
        served.run("bl-followed")
        name, shown = next(events)
        assert (name, shown["waiting"]) == ("queue", 1)
        assert shown["oldest_at"] is not None
        served.succeed(served.poll("bl-followed")[0])
        assert next(events)[1]["waiting"] == 0
    assert served.refused("GET", "/v1/task-queues/none/follow")[1] == "TASK_DEF_UNKNOWN"
