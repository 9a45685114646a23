"""Secrets that tasks name and never hold: in a TOML file beside the built-in worker.

    [webhooks.default]
    url = "https://hooks.example.com/orders"       # where to, if the task does not say
    secrets = ["whsec_...", "whsec_..."]           # each signs; more than one while one is changed

    [credentials.crm]
    hosts = ["api.crm.example"]                    # this secret goes to no other host
    secret = "..."                                 # a bearer token, or a password

It is read at each use, so that a changed secret counts from the next attempt on.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final, Protocol

import msgspec
from msgspec import Struct

from penstock.builtin.addresses import address_of, is_host_name
from penstock.builtin.signing import BadSecret, signing_key

FILE_BYTES_MAX: Final = 1024 * 1024


class Endpoint(Struct, frozen=True, forbid_unknown_fields=True):
    """A receiver of webhooks."""

    secrets: tuple[str, ...]
    url: str | None = None

    @property
    def keys(self) -> list[bytes]:
        """What to sign with."""
        return [signing_key(secret) for secret in self.secrets]


class Credential(Struct, frozen=True, forbid_unknown_fields=True):
    """A token or a password, and the hosts that may see it."""

    hosts: tuple[str, ...]
    secret: str


class KeyUnknown(Exception):
    """Nothing has this name."""


class KeyFileError(Exception):
    """The file can not be read, or not understood. The message never holds a secret."""


class Keys(Protocol):
    """Gives out secrets by name, or raises KeyUnknown or KeyFileError."""

    def endpoint(self, name: str) -> Endpoint:
        """A receiver of webhooks."""
        ...

    def credential(self, name: str) -> Credential:
        """A token or a password."""
        ...


class KeyFile:
    """Secrets of a file; without one there are none."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self.check()

    def check(self) -> None:
        """Raise KeyFileError if the file is not as it should be."""
        self._read()

    def endpoint(self, name: str) -> Endpoint:
        """See Keys."""
        found = self._read().webhooks.get(name)
        if found is None:
            raise KeyUnknown(f"no [webhooks.{name[:128]}] in the built-in worker's secrets")
        return found

    def credential(self, name: str) -> Credential:
        """See Keys."""
        found = self._read().credentials.get(name)
        if found is None:
            raise KeyUnknown(f"no [credentials.{name[:128]}] in the built-in worker's secrets")
        return found

    def _read(self) -> _Content:
        if self._path is None:
            return _Content()
        try:
            with self._path.open("rb") as file:
                text = file.read(FILE_BYTES_MAX + 1)
        except OSError as error:
            raise KeyFileError(f"{self._path} can not be read: {error.strerror}") from None
        if len(text) > FILE_BYTES_MAX:
            raise KeyFileError(f"{self._path} has more than {FILE_BYTES_MAX} bytes")
        return _content(self._path, text)


class _Content(Struct, frozen=True, forbid_unknown_fields=True):
    webhooks: dict[str, Endpoint] = {}
    credentials: dict[str, Credential] = {}


def _content(path: Path, text: bytes) -> _Content:
    try:
        content = msgspec.convert(tomllib.loads(text.decode()), _Content)
    except UnicodeDecodeError:
        raise KeyFileError(f"{path} is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        where = str(error).rpartition("(")[2]  # what stands before may quote a secret
        raise KeyFileError(f"{path} is not TOML ({where.rstrip(')')})") from None
    except msgspec.ValidationError as error:
        raise KeyFileError(f"{path}: {error}") from None
    for name, endpoint in content.webhooks.items():
        try:
            if not endpoint.keys:
                raise BadSecret("it has no secrets; a webhook is always signed")
        except BadSecret as error:
            raise KeyFileError(f"{path}: [webhooks.{name}]: {error}") from None
    for name, credential in content.credentials.items():
        good = (is_host_name(host) or address_of(host) is not None for host in credential.hosts)
        if not credential.hosts or not all(good):
            raise KeyFileError(
                f"{path}: [credentials.{name}]: hosts are names in lower case, at least one"
            )
    return content
