"""docs/reference/metrics.md."""

from __future__ import annotations

import dataclasses
import re

import msgspec
from prometheus_client.core import Metric

from penstock.gateway.routes.metrics import FAMILIES
from penstock.gateway.web import Gateway
from penstock.testing.node import Clock, Node
from tests.docs.reference.words import paragraph, table

HEAD = """\
# Metrics

What `GET /metrics` has, in Prometheus's text format, beside `process_*` (memory, CPU, open
files). A counter ends in `_total`, a histogram has `_bucket`, `_sum` and `_count`. No label is
anything that a client chooses; names of tenants and TaskDefs stand there with `--metrics-names`
only. [OPERATIONS.md](../OPERATIONS.md#metrics) says what is worth an alert.
"""


def page() -> str:
    """Every metric, as a gateway in memory has it."""
    node = Node(Clock(0), partitions=1)
    try:
        gateway: Gateway = node._app.state.gateway  # pyright: ignore[reportPrivateUsage]
        limits = msgspec.structs.replace(gateway.limits, metrics_names=True)
        named = dataclasses.replace(gateway, limits=limits)
        text = [HEAD]
        for family in FAMILIES:
            text.append(f"## {paragraph(family.__doc__)}\n")
            rows = (_row(metric) for metric in family(named))
            text.append(table(("metric", "type", "labels", "what"), rows))
    finally:
        node.close()
    return re.sub(r"^(## .+)\.$", r"\1", "\n".join(text), flags=re.MULTILINE)


def _row(metric: Metric) -> tuple[str, str, str, str]:
    name = metric.name + ("_total" if metric.type == "counter" else "")
    labels = [f"`{label}`" for label in getattr(metric, "_labelnames", ())]
    return f"`{name}`", metric.type, " ".join(labels), metric.documentation
