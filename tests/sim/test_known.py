"""What the simulator has found and the engine does not do yet: each is an issue of its own."""

from pathlib import Path

import pytest

from penstock.contracts.topics import Topics
from penstock.core.commands.put_task_def import PutTaskDef
from penstock.log.memory import MemoryLog
from penstock.log.port import Message
from tests.scenarios.driver import Clock, Driver, memory_driver


@pytest.mark.xfail(reason="nobody commits mark 0 when the topics are made (R14)", strict=True)
def test_r14_a_partition_whose_first_record_comes_before_its_first_owner_is_opened(
    tmp_path: Path,
) -> None:
    """Two nodes start on new topics: what one of them sends to a partition of the other, before
    that one has opened it, leaves the partition stopped (NO_MARK) for good."""
    with memory_driver(tmp_path) as other:
        other.send(PutTaskDef(name="early"))
        [sent] = other.log.read_all(other.topics.commands, 2)
    clock, topics = Clock(), Topics("test", 3)
    log = MemoryLog(
        commands=topics.commands, partitions=3, on_demand=topics.on_demand, clock_ms=clock
    )
    log.append(Message(topics.commands, sent.key, sent.value, sent.headers, 2))
    late = Driver(log=log, topics=topics, clock=clock)
    late.step()
    late.step()
    assert late.processor.stopped == {}
    late.close()
