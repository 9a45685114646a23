"""Profiles: servers by name, with the tenant, the key and the certificates that belong to each, so
that no command has to say them. `penstock login` makes one, `penstock profiles` chooses among them.

They stand in a file that only its owner reads. The key of a profile is sent to its own server and
to no other: another `--url` is asked without it. What the environment says holds before a profile.
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from penstock.cli.codes import Exit
from penstock.cli.shown import add_output, show, watching
from penstock.cli.words import Verbs, add_server, fail, tell
from penstock.config import (
    API_KEY_VARIABLE,
    CA_VARIABLE,
    CLIENT_CERT_VARIABLE,
    CLIENT_KEY_VARIABLE,
    TENANT_VARIABLE,
    URL_VARIABLE,
    home_of_settings,
    say,
    says,
)
from penstock.sdk.api import Call
from penstock.sdk.client import Client

NAME_CHARS_MAX: Final = 64


class Profile(Struct, omit_defaults=True):
    """A server and how one comes to it; without a `tenant` the credential says which."""

    url: str
    tenant: str = ""
    api_key: str = ""
    tls_ca: str = ""
    tls_cert: str = ""
    tls_key: str = ""

    @property
    def credentials(self) -> dict[str, str]:
        """What is shown to this server only, as the environment would have it."""
        found = {
            API_KEY_VARIABLE: self.api_key,
            CA_VARIABLE: self.tls_ca,
            CLIENT_CERT_VARIABLE: self.tls_cert,
            CLIENT_KEY_VARIABLE: self.tls_key,
        }
        return {name: value for name, value in found.items() if value}


class Profiles(Struct):
    """All of them, and the one that is used."""

    used: str = ""
    named: dict[str, Profile] = {}


class BadProfiles(Exception):
    """The file can not be read, or not be written."""


def begin() -> Profile | None:
    """Have the profile that is used say what the environment leaves open."""
    profiles = _read()
    profile = profiles.named.get(profiles.used)
    if profile is None or says(URL_VARIABLE):
        return None
    say({URL_VARIABLE: profile.url})
    if profile.tenant:
        say({TENANT_VARIABLE: profile.tenant})
    return profile


def lend(profile: Profile, options: argparse.Namespace) -> None:
    """Its credentials, if its server is the one that is asked, and not for others."""
    if options.command != "login" and getattr(options, "url", None) == profile.url.rstrip("/"):
        say(profile.credentials)


def add(verbs: Verbs) -> None:
    """login and profiles."""
    login = verbs.add_parser("login", help="keep a server and its API key under a name, and use it")
    login.add_argument("name", nargs="?", default="default", help="(%(default)s)")
    add_server(login)
    login.add_argument(
        "--key-file",
        type=Path,
        metavar="FILE",
        help="with the API key; else it is asked for, or read from a pipe; an empty one is none",
    )
    for name, said in (
        ("--tls-ca", "whose signature the server's certificate has"),
        ("--tls-cert", "the certificate to show"),
        ("--tls-key", "its private key"),
    ):
        login.add_argument(name, type=Path, metavar="FILE", help=said)
    login.set_defaults(do=_login)
    profiles = verbs.add_parser("profiles", help="servers that are kept under names")
    acts = profiles.add_subparsers(dest="kind", required=True, metavar="WHAT")
    listed = acts.add_parser("list", help="show them, and which one is used")
    add_output(listed, watched=True)
    listed.set_defaults(do=_list)
    for act, said, do in (
        ("use", "ask its server from now on; '-' for none", _use),
        ("delete", "forget it, and its key", _delete),
    ):
        parser = acts.add_parser(act, help=said)
        parser.add_argument("name")
        parser.set_defaults(do=do)


def _login(options: argparse.Namespace) -> int:
    """Nothing is kept that the server does not let in."""
    if not options.name.isprintable() or not 0 < len(options.name) <= NAME_CHARS_MAX:
        return fail(f"a name has 1 to {NAME_CHARS_MAX} characters that can be seen", Exit.USAGE)
    try:
        key = _key(options.key_file)
        paths = {
            name: str(path.resolve(strict=True))
            for name in ("tls_ca", "tls_cert", "tls_key")
            if (path := getattr(options, name)) is not None
        }
        profile = Profile(options.url, options.tenant or "", key, **paths)
        say(profile.credentials, instead=True)
        with Client(options.url, tenant=options.tenant, deadline_s=options.within) as client:
            who = client.call(Call(method="GET", path="/v1/whoami")).body
        profiles = _read()
        profiles.named[options.name] = profile
        profiles.used = options.name
        _write(profiles)
    except (OSError, ValueError, BadProfiles) as error:
        return fail(str(error))
    whom = who["principal"] or "anybody"
    tell(f"{options.name}: {profile.url}, tenant {who['tenant']}, as {whom}")
    return 0


def _key(path: Path | None) -> str:
    if path is not None:
        return path.read_text().strip()
    if sys.stdin.isatty():
        return getpass.getpass("API key (empty for none): ").strip()
    return sys.stdin.readline().strip()


def _list(options: argparse.Namespace) -> int:
    """None of their keys is shown."""

    def once() -> None:
        profiles = _read()
        rows = [
            {
                "name": name,
                "used": name == profiles.used,
                "url": one.url,
                "tenant": one.tenant or None,
                "has_key": bool(one.api_key),
            }
            for name, one in sorted(profiles.named.items())
        ]
        show(rows, options.format)

    try:
        watching(options, once)
    except BadProfiles as error:
        return fail(str(error))
    return Exit.DONE


def _use(options: argparse.Namespace) -> int:
    return _change(options.name, deletes=False)


def _delete(options: argparse.Namespace) -> int:
    return _change(options.name, deletes=True)


def _change(name: str, *, deletes: bool) -> int:
    try:
        profiles = _read()
        if name == "-" and not deletes:
            profiles.used = ""
        elif name not in profiles.named:
            said = f"there is no profile {name!r}; penstock profiles list shows them"
            return fail(said, Exit.NOT_FOUND)
        elif deletes:
            del profiles.named[name]
            profiles.used = "" if profiles.used == name else profiles.used
        else:
            profiles.used = name
        _write(profiles)
    except BadProfiles as error:
        return fail(str(error))
    return 0


def _path() -> Path:
    return home_of_settings() / "profiles.json"


def _read() -> Profiles:
    try:
        path = _path()
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):  # /dev/null is the home of some
        return Profiles()
    except OSError as error:
        raise BadProfiles(f"profiles can not be read: {error}") from error
    try:
        return msgspec.json.decode(text, type=Profiles)
    except ValueError as error:  # also of bytes that are no UTF-8
        raise BadProfiles(f"{path}: {error}; mend it or delete it") from error


def _write(profiles: Profiles) -> None:
    """In place of what is there, whole; nobody else reads it. Raises BadProfiles."""
    text = msgspec.json.format(msgspec.json.encode(profiles), indent=2)
    try:
        path = _path()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = path.with_suffix(f".{os.getpid()}")
        try:
            with open(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(text)
            made.replace(path)
        finally:
            made.unlink(missing_ok=True)  # it may have keys in it
    except OSError as error:
        raise BadProfiles(f"profiles can not be kept: {error}") from error
