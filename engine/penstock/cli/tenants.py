"""Tenants: what each is for is put, listed, and taken away."""

from __future__ import annotations

import argparse

from penstock.cli.asking import asking, showing
from penstock.cli.words import Verbs, tell
from penstock.sdk.client import Client


def add(verbs: Verbs) -> None:
    """tenants."""
    tenants = verbs.add_parser("tenants", help="say what tenants are for")
    kinds = tenants.add_subparsers(dest="kind", required=True, metavar="WHAT")
    put = kinds.add_parser("put", help="what it is for")
    put.add_argument("name", metavar="TENANT")
    put.add_argument("--description", default="", metavar="TEXT")
    asking(put, _put)
    showing(
        kinds.add_parser("list", help="those of which something was said"),
        lambda _, client: list(client.tenants.list()),
    )
    delete = kinds.add_parser("delete", help="nothing is said of it any more; all it has stays")
    delete.add_argument("name", metavar="TENANT")
    asking(delete, _delete)


def _put(options: argparse.Namespace, client: Client) -> None:
    told = client.tenants.put(options.name, description=options.description)
    tell(f"{told.name}  version {told.version}")


def _delete(options: argparse.Namespace, client: Client) -> None:
    client.tenants.delete(options.name)
    tell(f"nothing is said of {options.name} any more")
