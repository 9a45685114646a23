"""Tenants: what each may ask of the cluster is put, listed, and taken away."""

from __future__ import annotations

import argparse
from typing import Final

import msgspec

from penstock.cli.asking import asking
from penstock.cli.words import Verbs, tell
from penstock.core.definitions.tenants import Quota
from penstock.sdk.client import Client

BOUNDS: Final = Quota.__struct_fields__


def add(verbs: Verbs) -> None:
    """tenants."""
    tenants = verbs.add_parser("tenants", help="say what each tenant may ask for")
    kinds = tenants.add_subparsers(dest="kind", required=True, metavar="WHAT")
    put = kinds.add_parser("put", help="all that it may ask for; what is left out has no bound")
    put.add_argument("name", metavar="TENANT")
    for bound in BOUNDS:
        put.add_argument(f"--{bound.replace('_', '-')}", type=_bound, metavar="N")
    put.add_argument("--description", default="", metavar="TEXT")
    asking(put, _put)
    asking(kinds.add_parser("list", help="those of which something was said"), _list)
    delete = kinds.add_parser("delete", help="it has no bounds any more; all else stays")
    delete.add_argument("name", metavar="TENANT")
    asking(delete, _delete)


def _bound(text: str) -> int:
    if not text.isdecimal() or len(text) > 10:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 on")
    return int(text)


def _put(options: argparse.Namespace, client: Client) -> None:
    bounds = {bound: getattr(options, bound) for bound in BOUNDS}
    told = client.tenants.put(options.name, description=options.description, **bounds)
    tell(f"{told.name}  version {told.version}")


def _list(options: argparse.Namespace, client: Client) -> None:
    for one in client.tenants.list():
        bounds = [f"{name}={most}" for name, most in msgspec.to_builtins(one.quota).items()]
        tell("  ".join([one.name, *(bounds or ["no bounds"]), one.description]).rstrip())


def _delete(options: argparse.Namespace, client: Client) -> None:
    client.tenants.delete(options.name)
    tell(f"{options.name} has no bounds any more")
