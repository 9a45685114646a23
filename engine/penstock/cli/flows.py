"""Flows: what is wrong with them, and where."""

from __future__ import annotations

import argparse
from pathlib import Path

from penstock.cli.words import Verbs, fail, tell


def add(verbs: Verbs) -> None:
    """check."""
    parser = verbs.add_parser("check", help="say what is wrong with flows, and where")
    parser.add_argument("flows", type=Path, nargs="+", metavar="FLOW.yaml")
    parser.set_defaults(do=_check)


def _check(options: argparse.Namespace) -> int:
    """Read flows; a line for each mistake, in the form that editors know."""
    try:
        from penstock.flows.document import FlowError
        from penstock.flows.reader import read_flow
    except ModuleNotFoundError as error:
        return fail(f"{error.name} is not installed; flows need: pip install 'penstock[flows]'")
    wrong = 0
    for path in options.flows:
        try:
            flow = read_flow(path.read_text(encoding="utf-8"))
            tell(f"{path}: {flow.namespace}.{flow.id} is right as it stands")
        except FlowError as error:
            wrong += len(error.mistakes)
            for mistake in error.mistakes:
                mark = mistake.mark
                tell(f"{path}:{mark.line}:{mark.column}: {mistake.message}")
        except (OSError, UnicodeDecodeError) as error:
            return fail(f"{path} can not be read: {error}")
    return 1 if wrong else 0
