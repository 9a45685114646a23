"""`penstock bulk`: one verb on all runs that a filter names, or how many these are."""

from __future__ import annotations

import argparse
from typing import Any, Final

from penstock.cli.run_verbs import json_value, label
from penstock.cli.showing import add_output, printable, show
from penstock.cli.words import Verbs, add_server, fail, tell
from penstock.core.bulk.rows import BulkFilter
from penstock.core.state.transitions import ThreadStatus
from penstock.sdk.client import Client
from penstock.sdk.errors import PenstockError

VERBS: Final = (
    *("stop", "resume", "pause", "kill", "restart", "rescue", "migrate", "replay", "delete"),
    *("set-labels", "force", "retry-now", "change-run-state"),
)


def add(verbs: Verbs) -> None:
    """bulk."""
    parser = verbs.add_parser("bulk", help="do one verb to all runs that a filter names")
    parser.add_argument("verb", choices=VERBS, metavar="VERB", help=", ".join(VERBS))
    parser.add_argument("runs", nargs="*", metavar="WF_RUN_ID", help="these")
    parser.add_argument("--wf-spec", metavar="NAME", help="those of this WfSpec")
    parser.add_argument("--version", type=int, metavar="N", help="in this version")
    parser.add_argument(
        "--status",
        action="append",
        default=[],
        choices=[str(one) for one in ThreadStatus],
        help="in this status; may be repeated",
    )
    parser.add_argument(
        "--label", action="append", default=[], type=label, metavar="NAME=VALUE", help="with it"
    )
    parser.add_argument("--children", action="store_true", help="runs below others, too")
    parser.add_argument("--all", action="store_true", help="all runs there are")
    parser.add_argument(
        "--arguments", type=json_value, default={}, metavar="JSON", help="the verb's own fields"
    )
    parser.add_argument("--dry-run", action="store_true", help="only say how many runs are meant")
    add_output(parser)
    add_server(parser)
    parser.set_defaults(do=_bulk)


def _bulk(options: argparse.Namespace) -> int:
    """The exit code is 1 if the verb was refused for some of them."""
    if not isinstance(options.arguments, dict):
        return fail("--arguments: an object is wanted, such as '{\"cascade\": true}'")
    try:
        with Client(options.url, tenant=options.tenant) as client:
            return _do(options, client)
    except PenstockError as error:
        return fail(str(error))


def _do(options: argparse.Namespace, client: Client) -> int:
    which = BulkFilter(
        all=options.all,
        wf_run_ids=tuple(options.runs),
        wf_spec=options.wf_spec,
        version=options.version,
        statuses=tuple(ThreadStatus(one) for one in options.status),
        labels=dict(options.label),
        children=options.children,
    )
    arguments: dict[str, Any] = options.arguments
    if options.dry_run:
        tell(f"{client.bulk.preview(options.verb, which, **arguments)} runs")
        return 0
    job = client.bulk.wait(client.bulk.start(options.verb, which, **arguments))
    if options.output == "table":
        tell(f"{job.bulk_id}  {job.status}: {job.done} of {job.matched} runs")
        for one in job.refusals:
            tell(f"{one.wf_run_id}  {one.code}: {printable(one.message)}")
    else:
        show(options, job)
    return 0 if job.status == "COMPLETED" and not job.refused else 1
