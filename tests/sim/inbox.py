"""What the engine tells the outside, as whoever uses it in the simulator has heard of it: runs,
whoever has started them, and user tasks.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from penstock.contracts.avro import Avro
from penstock.core.state.outputs import UserTaskRunChanged, WfRunChanged, WfRunDeleted
from penstock.core.state.transitions import USER_TASK_LIVE
from tests.sim.broker import Broker


@dataclass(slots=True)
class Inbox:
    """Reads the events topic, each record once."""

    broker: Broker
    avro: Avro
    runs: dict[str, str] = field(default_factory=dict)
    """WfRun id -> the status that was heard of last."""
    deleted: set[str] = field(default_factory=set)
    """WfRuns that have been deleted; such a one may have been started anew since."""
    user_tasks: dict[tuple[str, str], UserTaskRunChanged] = field(default_factory=dict)
    """(WfRun id, guid) -> those that are live, as far as was heard."""
    _read: dict[int, int] = field(default_factory=dict)

    def read(self) -> None:
        """Take what is new."""
        for number, records in enumerate(self.broker.records[self.broker.topics.events]):
            for record in records[self._read.get(number, 0) :]:
                event, _ = self.avro.decode(record.value or b"")
                self._hear(event)
            self._read[number] = len(records)

    def _hear(self, event: object) -> None:
        if isinstance(event, WfRunChanged):
            self.runs[event.wf_run_id] = event.status
        elif isinstance(event, WfRunDeleted):
            self.deleted.add(event.wf_run_id)
        elif isinstance(event, UserTaskRunChanged):
            self.user_tasks.pop((event.wf_run_id, event.guid), None)
            if event.status in USER_TASK_LIVE:
                self.user_tasks[event.wf_run_id, event.guid] = event
