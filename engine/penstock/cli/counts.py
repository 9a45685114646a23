"""What has become of runs and of tasks over time, and what tasks have measured, as tables."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import get_args

from msgspec import structs

from penstock.cli.asking import showing
from penstock.cli.shown import table
from penstock.cli.words import Verbs
from penstock.contracts.answers.measured import Bucket, CountBucket, CountsShown, SumShown
from penstock.contracts.filters import MetricFilters
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
        showing(one, _counts, _lines)

    metrics = verbs.add_parser("metrics", help="what tasks have measured, added up over time")
    metrics.add_argument("--name", metavar="NAME", help="series of this name alone")
    metrics.add_argument("--wf-spec", metavar="NAME", help="of runs of this WfSpec alone")
    metrics.add_argument("--task-def", metavar="NAME", help="of tasks of this TaskDef alone")
    metrics.add_argument(
        "--bucket", choices=get_args(Bucket), default="day", help="over how long (%(default)s)"
    )
    showing(metrics, _metrics)


def _metrics(options: argparse.Namespace, client: Client) -> list[SumShown]:
    """The sums of each name in each bucket; of what has been searched at a time."""
    which: MetricFilters = {}
    if options.name is not None:
        which["name"] = options.name
    if options.wf_spec is not None:
        which["wf_spec"] = options.wf_spec
    if options.task_def is not None:
        which["task_def"] = options.task_def
    return list(client.metrics.sums(bucket=options.bucket, **which))


def _counts(options: argparse.Namespace, client: Client) -> list[CountsShown]:
    of = {
        "wf-spec": client.wf_specs,
        "task-def": client.task_defs,
        "user-task-def": client.user_task_defs,
    }
    return list(of[options.kind].counts(options.name, options.bucket))


def _lines(found: list[CountsShown], wide: bool) -> Iterable[str]:
    """A line for each thing that has happened in each bucket."""
    rows = [
        {"from": one.from_, "what": what, **structs.asdict(timing)}
        for one in found
        for what, timing in one.counts.items()
    ]
    return table(rows, wide=wide)
