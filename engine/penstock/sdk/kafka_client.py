"""CommandSender: appends commands straight to Kafka, for programs that produce many and need no
answer.

What the fold says is told by the cluster's events topic; an acknowledgement only says that the
command is in the log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from threading import Lock
from types import TracebackType
from typing import Any, Final

from penstock.config import CLUSTER_DEFAULT, kafka_settings_default
from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics
from penstock.contracts.wire import TENANT_DEFAULT, Sent, outgoing
from penstock.core.command import Command
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.resume_wf_run import ResumeWfRun
from penstock.core.commands.run_wf import RunWf
from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.core.ids import wf_run_id_of
from penstock.log.kafka import KafkaProducer
from penstock.log.port import LogError, LogUnavailable, Message, Position
from penstock.observe import tracing
from penstock.sdk import api, hints

FLUSH_S: Final = 30.0
OnAck = Callable[[Position | LogError], None]

logger = logging.getLogger("penstock.sender")


class CommandSender:
    """Sends commands of one tenant. May be used from many threads; `on_ack` is called from
    another. `settings` are librdkafka's, such as those of SASL and TLS; without them those are
    taken that are in the file which PENSTOCK_KAFKA_CONFIG names.

    >>> with CommandSender(bootstrap, cluster=cluster) as sender:
    ...     sender.run_wf("greeting", {"name": "Ada"}, wf_run_id="greeting-4")
    'greeting-4'
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        cluster: str = CLUSTER_DEFAULT,
        tenant: str = TENANT_DEFAULT,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.tenant = tenant
        self._topic = Topics(cluster, 0).commands
        self._avro = Avro()
        settings = kafka_settings_default() if settings is None else settings
        self._producer = KafkaProducer(bootstrap, settings=settings)
        self._lock = Lock()
        self._closing = False
        self._lost = 0  # commands that were not acknowledged, of which nobody has heard

    def __enter__(self) -> CommandSender:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except LogError as lost:
            if error is None:
                raise
            logger.warning("%s", lost)  # what went wrong in the block is told first

    def run_wf(
        self,
        wf_spec: str,
        variables: Mapping[str, Any] | None = None,
        *,
        wf_run_id: str | None = None,
        version: int | None = None,
        labels: Mapping[str, str] | None = None,
        on_ack: OnAck | None = None,
    ) -> str:
        """Start a run; its id."""
        command_id = api.new_command_id()
        wf_run_id = wf_run_id or wf_run_id_of(self.tenant, command_id)
        command = RunWf(
            wf_spec=wf_spec,
            wf_run_id=wf_run_id,
            version=version,
            variables={name: hints.to_json(of, None) for name, of in (variables or {}).items()},
            labels=dict(labels or {}),
        )
        self.send(command, command_id=command_id, on_ack=on_ack)
        return wf_run_id

    def put_event(
        self,
        wf_run_id: str,
        name: str,
        content: Any = None,
        *,
        guid: str | None = None,
        on_ack: OnAck | None = None,
    ) -> str:
        """Put an event to a run; its guid."""
        guid = guid or api.new_command_id()
        plain = hints.to_json(content, None)
        command = PutExternalEvent(wf_run_id=wf_run_id, event_def=name, guid=guid, content=plain)
        self.send(command, on_ack=on_ack)
        return guid

    def stop(self, wf_run_id: str, *, thread: int = 0, on_ack: OnAck | None = None) -> None:
        """Halt a run."""
        self.send(StopWfRun(wf_run_id=wf_run_id, thread=thread), on_ack=on_ack)

    def resume(self, wf_run_id: str, *, thread: int = 0, on_ack: OnAck | None = None) -> None:
        """Let a run that was stopped go on."""
        self.send(ResumeWfRun(wf_run_id=wf_run_id, thread=thread), on_ack=on_ack)

    def send(
        self, command: Command, *, command_id: str | None = None, on_ack: OnAck | None = None
    ) -> None:
        """Append any command of a client. Raises LogUnavailable when too many are under way: wait,
        and send again.
        """
        sent = Sent(command=command, tenant=self.tenant)
        record = outgoing(self._avro, sent, command_id or api.new_command_id())
        headers = {**record.headers, **tracing.outgoing()}
        message = Message(self._topic, record.key, record.value, headers, record.partition)
        self._producer.append(message, partial(self._acked, on_ack))

    def flush(self, timeout_s: float = FLUSH_S) -> None:
        """Wait until all that was sent is acknowledged."""
        self._producer.flush(timeout_s)

    def close(self, timeout_s: float = FLUSH_S) -> None:
        """Flush, and let go. Raises LogUnavailable, which says how many commands were not
        acknowledged: by then, or, of those without an `on_ack`, ever.
        """
        self._closing = True
        self._producer.close(timeout_s)
        with self._lock:
            lost, self._lost = self._lost, 0
        if lost:
            told = f"{lost} of the commands that were sent were not acknowledged"
            raise LogUnavailable(f"{told}: {self._topic} may not have them")

    def _acked(self, on_ack: OnAck | None, result: Position | LogError) -> None:
        if isinstance(result, LogError) and (self._closing or on_ack is None):
            with self._lock:
                self._lost += 1
                is_first = self._lost == 1
            if is_first:
                logger.warning("a command was not acknowledged: %s", result)
        if on_ack is not None:
            on_ack(result)
