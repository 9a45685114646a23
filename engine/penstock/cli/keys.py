"""Principals and their keys: made, listed, revoked. The secret of a key is drawn and hashed here:
no server, and no log, ever has it.
"""

from __future__ import annotations

import argparse
import secrets
import time
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from msgspec.structs import replace

from penstock.cli.asking import asking, showing
from penstock.cli.shown import table
from penstock.cli.words import Verbs, tell
from penstock.core.definitions.principals import Action, Resource, hash_of_key
from penstock.core.ids import base62
from penstock.core.values.timestamps import timestamp_text
from penstock.sdk import api
from penstock.sdk.client import Client

DAY_MS: Final = 24 * 3_600_000
DAYS_DEFAULT: Final = 365
DAYS_MAX: Final = 36_500
EVERYTHING: Final = "*:ALL_RESOURCES:ALL_ACTIONS"
KEYS: Final = "/v1/api-keys"
PRINCIPALS: Final = "/v1/principals"


def add(verbs: Verbs) -> None:
    """keys and principals."""
    keys = verbs.add_parser("keys", help="make, list and revoke API keys")
    kinds = keys.add_subparsers(dest="kind", required=True, metavar="WHAT")
    create = kinds.add_parser("create", help="a new key of a principal; it is shown once")
    create.add_argument("principal", metavar="PRINCIPAL")
    _add_grants(create, "put the principal first, with these grants alone")
    create.add_argument(
        "--days", type=_days, default=DAYS_DEFAULT, metavar="N", help="it is good for (%(default)s)"
    )
    create.add_argument("--description", default="", metavar="TEXT")
    asking(create, _create)
    listed = kinds.add_parser("list", help="all keys, those too that were revoked")
    listed.add_argument("--principal", metavar="PRINCIPAL", help="of this one alone")
    showing(
        listed,
        _list,
        partial(_table, ("key_id", "owner", "expires_at", "revoked_at", "description")),
    )
    revoke = kinds.add_parser("revoke", help="a key is good for nothing any more")
    revoke.add_argument("key_id", metavar="KEY_ID")
    asking(revoke, _revoke)
    principals = verbs.add_parser("principals", help="say who may do what")
    kinds = principals.add_subparsers(dest="kind", required=True, metavar="WHAT")
    put = kinds.add_parser("put", help="make one, or change what it may do")
    put.add_argument("principal", metavar="PRINCIPAL")
    _add_grants(put, "leave to do this, and nothing else")
    asking(put, _put)
    showing(
        kinds.add_parser("list", help="all, with what they may do"),
        lambda _, client: _all(client, PRINCIPALS, {}),
        partial(_table, ("name", "grants")),
    )
    delete = kinds.add_parser("delete", help="take its keys, and all that it may do")
    delete.add_argument("principal", metavar="PRINCIPAL")
    asking(delete, _delete)


def _add_grants(parser: argparse.ArgumentParser, about: str) -> None:
    parser.add_argument(
        "--grant",
        dest="grants",
        action="append",
        type=_grant,
        metavar="TENANTS:RESOURCES:ACTIONS[:NAMES]",
        help=f"{about}; each a list with commas, such as 'acme:WORKFLOW,TASK:READ,RUN:order-*';"
        " may be repeated",
    )
    parser.add_argument(
        "--admin",
        dest="grants",
        action="append_const",
        const=_grant(EVERYTHING),
        help="leave to do everything",
    )


def _grant(text: str) -> dict[str, Any]:
    parts = [part.split(",") for part in text.split(":")]
    if not 3 <= len(parts) <= 4 or not all(one for part in parts for one in part):
        raise argparse.ArgumentTypeError(f"{text!r} is not TENANTS:RESOURCES:ACTIONS[:NAMES]")
    tenants, resources, actions, *names = parts
    for given, kind in ((resources, Resource), (actions, Action)):
        for one in given:
            if one not in set(kind):
                known = ", ".join(kind)
                raise argparse.ArgumentTypeError(f"{text!r}: {one!r} is none of {known}")
    made: dict[str, Any] = {"tenants": tenants, "resources": resources, "actions": actions}
    return made | ({"names": names[0]} if names else {})


def _days(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= DAYS_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days from 1 to {DAYS_MAX}")
    return int(text)


def _create(options: argparse.Namespace, client: Client) -> None:
    """Put the principal if there are grants, then its key."""
    if options.grants:
        _put(options, client)
    key_id, salt, secret = (_drawn() for _ in range(3))
    secret += _drawn()
    expires_at_ms = int(time.time() * 1_000) + options.days * DAY_MS
    body = {
        "key_id": key_id,
        "owner": options.principal,
        "salt": salt,
        "key_hash": hash_of_key(salt, secret),
        "expires_at": timestamp_text(expires_at_ms),
        "description": options.description,
    }
    _put_everywhere(client, KEYS, body)
    tell(f"psk_{key_id}_{secret}")


def _list(options: argparse.Namespace, client: Client) -> list[Any]:
    return _all(client, KEYS, {} if options.principal is None else {"owner": options.principal})


def _table(columns: Sequence[str], items: list[Any], wide: bool) -> Iterable[str]:
    return table(items, wide=wide, columns=columns)


def _revoke(options: argparse.Namespace, client: Client) -> None:
    _drop(client, f"{KEYS}/{quote(options.key_id, safe='')}")
    tell(f"{options.key_id} is revoked")


def _put(options: argparse.Namespace, client: Client) -> None:
    grants: list[Any] = options.grants or []
    _put_everywhere(client, PRINCIPALS, {"name": options.principal, "grants": grants})


def _delete(options: argparse.Namespace, client: Client) -> None:
    _drop(client, f"{PRINCIPALS}/{quote(options.principal, safe='')}")
    tell(f"{options.principal} is deleted, and its keys with it")


def _put_everywhere(client: Client, path: str, body: Any) -> None:
    """So that whoever is asked next knows it, on whatever node."""
    put = api.command("PUT", path, body)
    client.call(replace(put, params={"wait": "all"}))


def _drop(client: Client, path: str) -> None:
    client.call(api.command("DELETE", path, None))


def _all(client: Client, path: str, params: dict[str, Any]) -> list[Any]:
    items: list[Any] = []
    cursor: str | None = None
    while True:
        more = params if cursor is None else params | {"cursor": cursor}
        page = client.call(api.Call(method="GET", path=path, params=more)).body
        items += page["items"]
        cursor = page["cursor"]
        if cursor is None:
            return items


def _drawn() -> str:
    """24 letters and digits at random."""
    return base62(secrets.token_bytes(20))
