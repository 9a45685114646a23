"""`penstock schedules`: make one, pause it, have it go on. They are listed by `penstock list`."""

from __future__ import annotations

import argparse

from penstock.cli.asking import asking
from penstock.cli.run_verbs import json_value
from penstock.cli.showing import add_output, show_told
from penstock.cli.words import Verbs, tell
from penstock.core.schedules.schedules import Misfire
from penstock.sdk.client import Client

Options = argparse.Namespace


def add(verbs: Verbs) -> None:
    """schedules."""
    parser = verbs.add_parser("schedules", help="have runs started by cron")
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="WHAT")
    made = kinds.add_parser("make", help="start a run whenever cron is due")
    made.add_argument("wf_spec", metavar="WF_SPEC")
    made.add_argument("cron", metavar="'MIN HOUR DAY MONTH WEEKDAY'")
    made.add_argument("--id", metavar="ID", help="of your own: again, it is the same schedule")
    made.add_argument("--time-zone", default="UTC", metavar="NAME", help="(%(default)s)")
    made.add_argument("--variables", type=json_value, metavar="JSON", help="an object")
    made.add_argument("--misfire", choices=[str(one) for one in Misfire], default=Misfire.SKIP)
    made.add_argument("--paused", action="store_true")
    asking(made, _make)
    for name, do, said in (
        ("pause", _pause, "start nothing until it is to go on"),
        ("resume", _resume, "go on from now"),
    ):
        one = kinds.add_parser(name, help=said)
        one.add_argument("schedule_id", metavar="SCHEDULE_ID")
        add_output(one)
        asking(one, do)


def _make(options: Options, client: Client) -> None:
    made = client.schedules.make(
        options.wf_spec,
        options.cron,
        schedule_id=options.id,
        time_zone=options.time_zone,
        variables=options.variables,
        misfire=options.misfire,
        paused=options.paused,
    )
    tell(made)


def _pause(options: Options, client: Client) -> None:
    show_told(options, options.schedule_id, client.schedules.pause(options.schedule_id))


def _resume(options: Options, client: Client) -> None:
    show_told(options, options.schedule_id, client.schedules.resume(options.schedule_id))
