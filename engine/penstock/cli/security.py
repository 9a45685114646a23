"""The settings of who is let in to a server, and of TLS."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

from penstock.cli.words import why
from penstock.config import (
    ADMIN_KEY_VARIABLE,
    ALLOW_HOSTS_VARIABLE,
    Oidc,
    Tls,
    admin_key_default,
    allow_hosts_default,
)
from penstock.processor.directory import CannotStart

OIDC: Final = Oidc.__struct_fields__
TLS: Final = Tls.__struct_fields__


def add_security(parser: argparse.ArgumentParser, *, asks: bool) -> None:
    """Who is let in, and how the connections are kept from others' eyes."""
    parser.add_argument(
        "--auth",
        choices=("on", "off"),
        default="on" if asks else "off",
        help="ask callers for a credential (%(default)s); see docs/SECURITY.md",
    )
    parser.add_argument(
        "--admin-key-file",
        type=_secret_of_file,
        metavar="FILE",
        dest="admin_key",
        help=f"the key that may do all, to make the first principal with ({ADMIN_KEY_VARIABLE})",
    )
    parser.add_argument(
        "--allow-host",
        dest="allow_hosts",
        action="append",
        metavar="NAME",
        help="with --auth off: answer to this name beside the server's own, and take what pages of"
        f" that name send; may be repeated ({ALLOW_HOSTS_VARIABLE})",
    )
    for name, about in (
        ("issuer", "who makes the tokens that are good beside keys: the `iss` of an OIDC provider"),
        ("audience", "the `aud` that they must have"),
        ("jwks-url", "where the provider's public keys are, over https"),
        ("claim", "which claim names the principal (sub)"),
    ):
        parser.add_argument(f"--oidc-{name}", metavar=name.upper(), help=about)
    for name, about in (
        ("cert", "listen with TLS: the certificate and those between, as PEM"),
        ("key", "its private key, as PEM"),
        ("client-ca", "take only clients whose certificate one of these has signed (mTLS)"),
        ("ca", "whose signatures other nodes' certificates have, if not what this machine trusts"),
    ):
        parser.add_argument(f"--tls-{name}", type=Path, metavar="FILE", help=about)


def _secret_of_file(text: str) -> str:
    try:
        return Path(text).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise argparse.ArgumentTypeError(f"{text} can not be read: {why(error)}") from error


def security_of(given: dict[str, Any]) -> dict[str, Any]:
    """The options of a command line, with those of security as a configuration has them."""
    tls = {name: given.pop(f"tls_{name}", None) for name in TLS}
    oidc = {name: given.pop(f"oidc_{name}", None) for name in OIDC}
    made = {"auth": given.pop("auth", "off") == "on", "tls": Tls(**tls), "oidc": _oidc(oidc)}
    made["admin_key"] = given.pop("admin_key", None) or admin_key_default()
    made["allow_hosts"] = tuple(given.pop("allow_hosts", None) or allow_hosts_default())
    return given | made


def _oidc(given: dict[str, str | None]) -> Oidc | None:
    """All of it or nothing; raises CannotStart."""
    said = {name: value for name, value in given.items() if value is not None}
    if not said:
        return None
    missing = [name for name in OIDC if name not in said and name != "claim"]
    if missing:
        raise CannotStart(f"--oidc-{missing[0].replace('_', '-')} is missing beside the others")
    return Oidc(**said)
