"""Quotas: what each tenant, and each principal in it, may ask of the cluster."""

from __future__ import annotations

import argparse
from typing import Final

from penstock.cli.asking import asking, showing
from penstock.cli.words import Verbs, tell
from penstock.core.definitions.quotas import BOUNDS
from penstock.sdk.client import Client

WHOLE: Final = "(all of it)"


def add(verbs: Verbs) -> None:
    """quotas."""
    quotas = verbs.add_parser("quotas", help="say how much tenants and principals may ask for")
    kinds = quotas.add_subparsers(dest="kind", required=True, metavar="WHAT")
    put = kinds.add_parser("put", help="all that it may ask for; what is left out has no bound")
    _whose(put)
    for bound in BOUNDS:
        put.add_argument(f"--{bound.replace('_', '-')}", type=_bound, metavar="N")
    asking(put, _put)
    listed = kinds.add_parser("list", help="all there are, or those of a tenant")
    listed.add_argument("of", nargs="?", metavar="TENANT")
    showing(listed, lambda options, client: list(client.quotas.list(options.of)))
    own = kinds.add_parser("own", help="one's own, and what is used of it")
    showing(own, lambda _, client: list(client.quotas.own()))
    delete = kinds.add_parser("delete", help="it has no bounds of its own any more")
    _whose(delete)
    asking(delete, _delete)


def _whose(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("of", metavar="TENANT")
    parser.add_argument(
        "--principal", metavar="NAME", help="of this principal in it, not of the tenant as a whole"
    )


def _bound(text: str) -> int:
    if not text.isdecimal() or len(text) > 10:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 on")
    return int(text)


def _put(options: argparse.Namespace, client: Client) -> None:
    bounds = {bound: getattr(options, bound) for bound in BOUNDS}
    told = client.quotas.put(options.of, options.principal, **bounds)
    tell(f"{told.tenant}  {told.principal or WHOLE}  version {told.version}")


def _delete(options: argparse.Namespace, client: Client) -> None:
    client.quotas.delete(options.of, options.principal)
    tell(f"{options.of}  {options.principal or WHOLE}  no bounds")
