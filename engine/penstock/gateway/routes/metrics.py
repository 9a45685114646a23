"""Metrics for Prometheus: what the tallies and the samples say at the moment, in its text format.

Nothing is asked of a broker or a disk for a scrape. Labels are names of the engine's own, and
partitions. Names of tenants and of their TaskDefs are shown only if the server is told to
(`--metrics-names`): whoever may scrape sees them all. A new metric is a function in FAMILIES.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from penstock.gateway.sampler import Queue
from penstock.gateway.says import Says
from penstock.gateway.web import Gateway, gateway_of, route
from penstock.observe.tally import Histogram

QUEUES_NAMED_MAX: Final = 200
HTTP: Final = "http"
KAFKA: Final = "kafka"


def partitions(gateway: Gateway) -> Iterator[Metric]:
    """How far the partitions are that are open here, and which are stopped."""
    processor, sampler = gateway.processor, gateway.sampler
    lags = {str(number): lag for number, lag in sampler.lags.items()}
    yield _gauge("partition_lag_records", "Records of the log not folded yet.", "partition", lags)
    behind = {str(number): lag for number, lag in sampler.standby_lags.items()}
    yield _gauge("standby_lag_records", "Records a standby here has to fold.", "partition", behind)
    offsets = {str(number): processor.position(number) or 0 for number in processor.owned()}
    yield _gauge("partition_next_offset", "What is folded next.", "partition", offsets)
    stopped = GaugeMetricFamily(
        "penstock_partition_stopped",
        "Partitions that can not go on here, by cause.",
        labels=("partition", "cause"),
    )
    for number, why in processor.stopped.copy().items():
        stopped.add_metric((str(number), str(why.cause)), 1)
    yield stopped
    verdicts = {
        str(one.shard.partition): sum(map(len, one.rulings.values()))
        for one in processor.partitions()
    }
    yield _gauge(
        "partition_verdicts", "Parts of the log that were ruled on.", "partition", verdicts
    )


def folding(gateway: Gateway) -> Iterator[Metric]:
    """Turns, batches and what came of commands and timers."""
    tally = gateway.processor.tally
    yield _histogram(
        "turn_seconds", "A turn, as the mean of its batch: the sum is exact.", (), {(): tally.turns}
    )
    yield _histogram("batch_records", "Records that a poll brought.", (), {(): tally.records})
    yield _histogram(
        "batch_seconds",
        "A batch, by phase: fold, deliver (until all is acknowledged), write.",
        ("phase",),
        {(name,): histogram for name, histogram in tally.phases.items()},
    )
    commands = CounterMetricFamily(
        "penstock_commands",
        "Commands folded and written, by type and outcome: accepted, repeated, dropped, or a code.",
        labels=("command", "outcome"),
    )
    for (command, outcome), count in tally.commands.copy().items():
        commands.add_metric((command, outcome), count)
    yield commands
    yield _histogram(
        "timer_lateness_seconds",
        "Timers that fired: log time between due and fired.",
        ("kind",),
        {(kind,): histogram for kind, histogram in tally.lateness.copy().items()},
    )
    yield _counter("dead_letters", "Dead letters written here.", "code", tally.dead_letters)
    yield CounterMetricFamily("penstock_defects", "Defects ruled on here.", value=tally.verdicts)


def edge(gateway: Gateway) -> Iterator[Metric]:
    """HTTP requests, and commands under way."""
    http, load = gateway.http, gateway.load
    requests = CounterMetricFamily(
        "penstock_http_requests",
        "Requests answered.",
        labels=("method", "route", "status"),
    )
    for (method, path, status), count in http.requests.copy().items():
        requests.add_metric((method, path, str(status)), count)
    yield requests
    yield _histogram(
        "http_request_seconds",
        "Requests, with what a long poll waits.",
        ("method", "route"),
        http.latency.copy(),
    )
    yield _one("http_requests_in_flight", "Requests not answered yet.", http.in_flight)
    yield _one("commands_in_flight", "Commands without an answer yet.", load.in_flight)
    yield _one("draining", "Whether this server is about to stop.", int(load.draining))
    yield _counter("commands_turned_away", "New work that was refused.", "code", load.refused)


def queues(gateway: Gateway) -> Iterator[Metric]:
    """What waits for task workers; shown by the node that has partition 0."""
    found = gateway.sampler.queues
    yield _one("task_queues", "TaskDefs whose queues are looked at.", len(found))
    yield _one("task_queues_records", "Tasks in all queues.", sum(one.records for one in found))
    oldest_s = max((one.age_s() for one in found), default=0.0)
    yield _one("task_queues_oldest_seconds", "How long the oldest of them has waited.", oldest_s)
    if not gateway.limits.metrics_names:
        return
    yield _of_queues("task_queue_records", "Tasks in a queue.", found, lambda one: one.records)
    yield _of_queues(
        "task_queue_oldest_seconds", "How long the oldest has waited.", found, Queue.age_s
    )


def workers(gateway: Gateway) -> Iterator[Metric]:
    """Workers: over HTTP, by the node that has the queue; over Kafka, by that of partition 0."""
    found = [
        *((*key, HTTP, count) for key, count in gateway.queues.polled.counts().items()),
        *((one.tenant, one.task_def, KAFKA, one.workers) for one in gateway.sampler.queues),
    ]
    totals: dict[str, float] = {HTTP: 0, KAFKA: 0}
    for *_, via, count in found:
        totals[via] += count
    yield _gauge(
        "task_workers",
        "Workers, once for each of their TaskDefs: that polled in the last minute, or are members"
        " of the workers' group.",
        "via",
        totals,
    )
    if not gateway.limits.metrics_names:
        return
    family = GaugeMetricFamily(
        "penstock_task_queue_workers",
        "The same of a TaskDef.",
        labels=("tenant", "task_def", "via"),
    )
    for *labels, count in sorted(found, key=lambda one: -one[-1])[:QUEUES_NAMED_MAX]:
        family.add_metric(labels, count)
    yield family


def snapshots(gateway: Gateway) -> Iterator[Metric]:
    """Snapshots: how old the newest are (if there is one), and how many came to nothing."""
    taken = gateway.processor.snapshots
    ages = {} if taken is None else taken.ages_s
    known = {str(number): age_s for number, age_s in ages.items() if age_s is not None}
    yield _gauge("snapshot_age_seconds", "Age of the newest snapshot.", "partition", known)
    yield CounterMetricFamily(
        "penstock_snapshot_failures",
        "Snapshots that came to nothing; the log says why.",
        value=0 if taken is None else taken.failures,
    )


def disk(gateway: Gateway) -> Iterator[Metric]:
    """Stores, and the room that is left for them."""
    room = gateway.processor.room
    sizes = {str(number): size for number, size in gateway.sampler.store_bytes.items()}
    yield _gauge("store_bytes", "A partition's store on disk.", "partition", sizes)
    yield _one("room", "0 while nothing is folded for want of room.", int(room.problem is None))
    free = GaugeMetricFamily("penstock_disk_free_bytes", "Left on the data directory's disk.")
    if room.disk is not None:
        free.add_metric((), room.disk.free_bytes())
    yield free


def certificate(gateway: Gateway) -> Iterator[Metric]:
    """The certificate that a server shows that listens with TLS; others have no such line."""
    ends = GaugeMetricFamily(
        "penstock_certificate_end_timestamp_seconds",
        "When it runs out, in seconds since 1970: of the one that was read at the start.",
    )
    if gateway.security.certificate_ends_ms is not None:
        ends.add_metric((), gateway.security.certificate_ends_ms / 1_000)
    yield ends


FAMILIES: Final[tuple[Callable[[Gateway], Iterator[Metric]], ...]] = (
    *(partitions, folding, edge, queues, workers, snapshots, disk, certificate),
)


class GatewayCollector(Collector):
    """All metrics of one gateway and what it stands in front of."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def collect(self) -> Iterator[Metric]:
        """Look at everything."""
        for family in FAMILIES:
            yield from family(self._gateway)


def exposition(gateway: Gateway) -> bytes:
    """The text that a scrape gets."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(GatewayCollector(gateway))
    return generate_latest(registry)


async def metrics(request: Request) -> Response:
    """For Prometheus."""
    text = await run_in_threadpool(exposition, gateway_of(request))
    return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})


def _one(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(f"penstock_{name}", about, value=value)


def _gauge(name: str, about: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"penstock_{name}", about, labels=(label,))
    for of, value in values.items():
        family.add_metric((of,), value)
    return family


def _counter(name: str, about: str, label: str, values: dict[str, int]) -> Metric:
    family = CounterMetricFamily(f"penstock_{name}", about, labels=(label,))
    for of, value in values.copy().items():
        family.add_metric((of,), value)
    return family


def _histogram(
    name: str,
    about: str,
    labels: tuple[str, ...],
    values: Mapping[tuple[str, ...], Histogram],
) -> Metric:
    family = HistogramMetricFamily(f"penstock_{name}", about, labels=labels)
    for of, histogram in values.items():
        family.add_metric(of, histogram.buckets(), histogram.total)
    return family


def _of_queues(
    name: str, about: str, found: list[Queue], value: Callable[[Queue], float]
) -> Metric:
    """The longest queues by name."""
    family = GaugeMetricFamily(f"penstock_{name}", about, labels=("tenant", "task_def"))
    longest = sorted(found, key=lambda one: -one.records)[:QUEUES_NAMED_MAX]
    for one in longest:
        family.add_metric((one.tenant, one.task_def), value(one))
    return family


ROUTES: Final = [route("GET", "/metrics", metrics, Says(media="text/plain"))]
