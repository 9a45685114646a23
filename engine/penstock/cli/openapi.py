"""The OpenAPI document, without a server."""

from __future__ import annotations

import argparse
import json

from penstock.cli.words import Verbs, tell


def add(verbs: Verbs) -> None:
    """openapi."""
    parser = verbs.add_parser("openapi", help="print the OpenAPI document of the HTTP API")
    parser.set_defaults(do=_openapi)


def _openapi(_: argparse.Namespace) -> int:
    # What a gateway is made of need not be installed for the other verbs.
    from penstock.gateway.app import ROUTES
    from penstock.gateway.openapi import document

    tell(json.dumps(document(ROUTES), indent=2))
    return 0
