"""What has become of runs and of tasks over time, and what tasks have measured, as tables."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import get_args

from penstock.cli.asking import asking
from penstock.cli.words import Verbs, tell
from penstock.contracts.answers.measured import Bucket, CountBucket
from penstock.contracts.filters import MetricFilters
from penstock.core.values.timestamps import timestamp_text
from penstock.sdk.client import Client


def add(verbs: Verbs) -> None:
    """counts and metrics."""
    counts = verbs.add_parser("counts", help="what has become of runs and tasks over time")
    kinds = counts.add_subparsers(dest="kind", required=True, metavar="KIND")
    for kind, of in (
        ("wf-spec", "runs of a WfSpec"),
        ("task-def", "tasks of a TaskDef, and their attempts"),
        ("user-task-def", "user tasks of a UserTaskDef"),
    ):
        one = kinds.add_parser(kind, help=of)
        one.add_argument("name", metavar="NAME")
        one.add_argument(
            "--bucket",
            choices=get_args(CountBucket),
            default="hour",
            help="over how long (%(default)s); a window is the shortest there is",
        )
        asking(one, _counts)

    metrics = verbs.add_parser("metrics", help="what tasks have measured, added up over time")
    metrics.add_argument("--name", metavar="NAME", help="series of this name alone")
    metrics.add_argument("--wf-spec", metavar="NAME", help="of runs of this WfSpec alone")
    metrics.add_argument("--task-def", metavar="NAME", help="of tasks of this TaskDef alone")
    metrics.add_argument(
        "--bucket", choices=get_args(Bucket), default="day", help="over how long (%(default)s)"
    )
    asking(metrics, _metrics)


def _metrics(options: argparse.Namespace, client: Client) -> None:
    """A line for each name in each bucket; of what has been searched at a time."""
    which: MetricFilters = {}
    if options.name is not None:
        which["name"] = options.name
    if options.wf_spec is not None:
        which["wf_spec"] = options.wf_spec
    if options.task_def is not None:
        which["task_def"] = options.task_def
    for one in client.metrics.sums(bucket=options.bucket, **which):
        numbers = (
            f"{one.count:>9}  sum {one.sum:g}  avg {one.avg:g}  min {one.min:g}  max {one.max:g}"
        )
        tell(f"{_begun(one.from_):<24}  {one.name:<24} {numbers}")


def _begun(at: datetime | None) -> str:
    return "all" if at is None else timestamp_text(int(at.timestamp() * 1_000))


def _counts(options: argparse.Namespace, client: Client) -> None:
    """A line for each thing that has happened in each bucket."""
    of = {
        "wf-spec": client.wf_specs,
        "task-def": client.task_defs,
        "user-task-def": client.user_task_defs,
    }
    for one in of[options.kind].counts(options.name, options.bucket):
        for what, timing in one.counts.items():
            times = f"avg {timing.avg_ms:.0f} ms  min {timing.min_ms}  max {timing.max_ms}"
            line = f"{_begun(one.from_):<24}  {what:<18} {timing.count:>9}"
            tell(f"{line}  {times}" if timing.max_ms else line)
