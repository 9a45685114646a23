"""Whose page sends a request, where nobody is asked for a credential.

A browser on this machine, or beside it, sends requests for whatever page is open in it. It says in
`Host` by which name the page called the server, and in `Origin` whose page it is.

Rules
- A server answers to its own names alone. Else a page could have its own name lead to this address
  (DNS rebinding), and would read and write all. An address that is called as such can not be led
  elsewhere, so any is good: probes, and nodes, call by it.
- What changes something comes from a page of this server, or from no page: who is no browser says
  no origin. What only reads needs no such rule: a page of others is not shown the answer.
- Where credentials are asked for there is nothing to look at. No browser adds them by itself: there
  are no cookies, and the dashboard sends its key in a header.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct
from starlette.requests import Request

from penstock.gateway.errors import ApiError, EdgeCode

LOCAL: Final = "localhost"
READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_AUTHORITY: Final = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(:[0-9]{1,5})?")


class Names(Struct, frozen=True):
    """By which names a server is called: its `own`, and those that it is `allowed` to answer to,
    whose pages may change something here whatever their port is.
    """

    own: frozenset[str] = frozenset()
    allowed: frozenset[str] = frozenset()

    def check(self, request: Request) -> None:
        """Refuse what a page of others may have sent."""
        called = request.headers.get("host")
        if called is not None and not self._is_own(called):
            raise ApiError(
                EdgeCode.FOREIGN_HOST,
                f"nobody is asked for a credential here, so this server answers to its own names"
                f" alone, and {_shown(called)} is none: call it by its address, or start it with"
                " --allow-host and that name",
            )
        origin = request.headers.get("origin")
        if origin is None or request.method in READS or self._is_of_own_page(origin, called):
            return
        raise ApiError(
            EdgeCode.FOREIGN_ORIGIN,
            "nobody is asked for a credential here, so pages of others may change nothing, and"
            f" {_shown(origin)} is not this server: ask from its own pages, start it with"
            " --allow-host and the name of the page's server, or with --auth on",
        )

    def _is_own(self, authority: str) -> bool:
        name = name_in(authority)
        return is_address(name) or is_local(name) or name in self.own | self.allowed

    def _is_of_own_page(self, origin: str, called: str | None) -> bool:
        try:
            authority = urlsplit(origin).netloc.lower()
        except ValueError:
            return False
        same = called is not None and authority == called.lower()
        return same or name_in(authority) in self.allowed


def name_in(authority: str) -> str:
    """The name, or the address, in what may have a port; nothing if it is neither."""
    found = _AUTHORITY.fullmatch(authority.lower())
    return "" if found is None else found[1].strip("[]").removesuffix(".")


def is_address(name: str) -> bool:
    """Whether it is an IP address."""
    try:
        return bool(ip_address(name))
    except ValueError:
        return False


def is_local(name: str) -> bool:
    """Whether it names the machine itself, whatever a name server says."""
    return name == LOCAL or name.endswith(f".{LOCAL}")


def _shown(text: str) -> str:
    return repr(text[:80])
