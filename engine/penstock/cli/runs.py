"""Looking at runs: templates tried at a place of one."""

from __future__ import annotations

import argparse
import json
from typing import Any

import httpx

from penstock.cli.words import Verbs, add_server, fail, tell


def add(verbs: Verbs) -> None:
    """eval."""
    parser = verbs.add_parser("eval", help="try a template at a place of a run")
    parser.add_argument("place", metavar="WF_RUN_ID[/TASK_RUN]")
    parser.add_argument("template", metavar="'{{ ... }}'")
    parser.add_argument("--thread", type=int, default=0, metavar="N", help="(%(default)s)")
    parser.add_argument(
        "--position", type=int, metavar="N", help="of a node run; else where the thread stands"
    )
    parser.add_argument("--text", action="store_true", help="the text, not the value")
    add_server(parser)
    parser.set_defaults(do=_evaluate)


def _evaluate(options: argparse.Namespace) -> int:
    """Try a template at a place of a run."""
    wf_run_id, _, task_run = options.place.partition("/")
    body: dict[str, Any] = {"wf_run_id": wf_run_id, "template": options.template}
    body |= {"task_run": task_run} if task_run else {"thread": options.thread}
    if options.position is not None:
        body["position"] = options.position
    if options.text:
        body["as"] = "TEXT"
    try:
        url = f"{options.url}/v1/expressions/evaluate"
        answer = httpx.post(url, json=body, headers={"Penstock-Tenant": options.tenant})
        found = answer.json()
        if answer.is_error:
            return fail(f"{found['error']['code']}: {found['error']['message']}")
        value = found["value"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        return fail(f"the server at {options.url} does not answer as it should: {error}")
    tell(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return 0
