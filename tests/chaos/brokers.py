"""Brokers that a test may kill, stop, fill up, cut off or give another time."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.cut import Way
from tests.kafka_broker import Broker, free_ports

HEAP_MIB = 384


def stop_still(own: Broker) -> None:
    """SIGSTOP to our own broker, and wait until it stands: a busy machine takes a while."""
    assert own.pid is not None
    os.kill(own.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, own.pid, os.WSTOPPED | os.WNOWAIT)


def go_on(own: Broker) -> None:
    """SIGCONT."""
    assert own.pid is not None
    os.kill(own.pid, signal.SIGCONT)


@contextmanager
def running(
    data: Path | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[Broker]:
    """A broker of our own."""
    with Broker(data=data, heap_mib=HEAP_MIB, environment=environment) as own:
        yield own


@contextmanager
def three() -> Iterator[list[Broker]]:
    """Three brokers of one cluster, with all records on each; the first one is the controller."""
    of_all = {
        "default.replication.factor": "3",
        "offsets.topic.replication.factor": "3",
        "min.insync.replicas": "2",
    }
    with (
        Broker(heap_mib=HEAP_MIB, settings=of_all) as first,
        Broker(heap_mib=HEAP_MIB, settings=of_all, joins=first) as second,
        Broker(heap_mib=HEAP_MIB, settings=of_all, joins=first) as third,
    ):
        yield [first, second, third]


@contextmanager
def cut_off() -> Iterator[tuple[Broker, str, Way]]:
    """A broker, an address at which it is reached by a way that can be cut, and that way. Whoever
    asks there is told that address alone; whoever asks at the broker's own is told that one.
    """
    port, behind, far = free_ports(3)
    listeners = {
        "BROKER": (port, port),
        "CONTROLLER": (port + 1, port + 1),  # as Broker has it
        "FAR": (behind, far),
    }
    settings = {
        "listeners": _listed({name: at[0] for name, at in listeners.items()}),
        "advertised.listeners": _listed({name: at[1] for name, at in listeners.items()}),
        "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in listeners),
    }
    with Broker(port=port, heap_mib=HEAP_MIB, settings=settings) as own:
        way = Way(far, behind)
        try:
            yield own, f"127.0.0.1:{far}", way
        finally:
            way.close()


def _listed(ports: Mapping[str, int]) -> str:
    return ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items())
