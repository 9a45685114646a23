"""The one way out: every request that a task sends to an address from a workflow goes through here.

Whoever may start a run may choose the address, and the answer may come from an enemy. So

- a name is resolved here, once; every address that it has must be one that may be reached, and the
  connection goes to that very address, so that no second answer of the resolver counts. TLS and the
  Host header keep the name;
- there is nothing that follows or remembers: no redirects, cookies, proxies or kept connections;
- everything has a bound: the time from the first look-up to the last byte, and what is sent and
  received, counted while it comes and after it is unpacked.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import httpx
from msgspec import Struct

from penstock.builtin.addresses import (
    Address,
    Allowed,
    address_of,
    kind_refused,
)
from penstock.builtin.bounds import (
    METHODS,
    REQUEST_BYTES_MAX,
    OutboundCode,
    OutboundError,
    body_of,
    checked_answer_headers,
    checked_headers,
    checked_host,
    parsed,
    port_of,
)

PORTS_DEFAULT: Final = frozenset({80, 443})
RESPONSE_BYTES_MAX: Final = 160 * 1024
"""What fits into the output of a task, even as base64."""
TIMEOUT_S_DEFAULT: Final = 20.0
TIMEOUT_S_MAX: Final = 30.0  # well below what an attempt may take
CONNECT_TIMEOUT_S: Final = 5.0
ADDRESSES_TRIED_MAX: Final = 4
CONNECTIONS_MAX: Final = 200
LOOK_UPS_MAX: Final = 64
USER_AGENT: Final = "Penstock"

_LOOK_UPS: Final = ThreadPoolExecutor(LOOK_UPS_MAX, thread_name_prefix="penstock-look-up")
"""A look-up can not be broken off. The event loop's own few threads would soon all wait for names
whose servers say nothing.
"""

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host, as texts; OSError if it has none."""


class Answer(Struct, frozen=True):
    """What came back. Headers have names in lower case; several of a name are joined by commas."""

    status: int
    headers: dict[str, str]
    body: bytes


async def resolve(host: str, port: int) -> Sequence[str]:
    """As this machine resolves names."""
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(
        _LOOK_UPS, socket.getaddrinfo, host, port, 0, socket.SOCK_STREAM
    )
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Guard(httpx.AsyncBaseTransport):
    """Sends a request to an address that was checked, or raises OutboundError."""

    def __init__(
        self,
        *,
        allowed: Allowed,
        ports: frozenset[int],
        resolver: Resolve,
        verify: ssl.SSLContext,
    ) -> None:
        self._allowed = allowed
        self._ports = ports
        self._resolve = resolver
        # A kept connection would be found again by its address alone, under whatever name.
        limits = httpx.Limits(max_connections=CONNECTIONS_MAX, max_keepalive_connections=0)
        self._http = httpx.AsyncHTTPTransport(verify=verify, trust_env=False, limits=limits)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Resolve, check all, connect to the first that takes the connection."""
        host, port = checked_host(request.url), port_of(request.url)
        if port not in self._ports:
            raise OutboundError(
                OutboundCode.PORT_REFUSED,
                f"port {port} is not allowed; allowed are {sorted(self._ports)}",
            )
        addresses = await self._checked(host, port)
        for address in addresses[:-1]:
            try:
                return await self._send(request, host, address)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._send(request, host, addresses[-1])

    async def _checked(self, host: str, port: int) -> list[Address]:
        """The addresses of a host. One that is refused spoils them all: a name that leads both out
        and in is not one to trust.
        """
        written = address_of(host)
        found = [written] if written is not None else await self._resolved(host, port)
        for address in found:
            kind = kind_refused(address)
            if kind is not None and not self._allowed.covers(host, address):
                raise OutboundError(
                    OutboundCode.ADDRESS_REFUSED,
                    f"{host} is at an address that is {kind}: requests go to the internet only,"
                    " and to what the operator of the built-in worker allows",
                )
        return found[:ADDRESSES_TRIED_MAX]

    async def _resolved(self, host: str, port: int) -> list[Address]:
        try:
            texts = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            said = getattr(error, "strerror", None) or type(error).__name__
            raise OutboundError(
                OutboundCode.NAME_UNRESOLVED, f"{host} has no address now: {said}"
            ) from None
        found = [address for text in texts if (address := address_of(text)) is not None]
        if not found or len(found) < len(texts):
            raise OutboundError(OutboundCode.NAME_UNRESOLVED, f"{host} has no address now")
        return found

    async def _send(self, request: httpx.Request, host: str, to: Address) -> httpx.Response:
        pinned = httpx.Request(
            request.method,
            request.url.copy_with(host=str(to)),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": host},
        )
        return await self._http.handle_async_request(pinned)

    async def aclose(self) -> None:
        """Close what is open."""
        await self._http.aclose()


class Outbound:
    """Sends requests, one connection each."""

    def __init__(
        self,
        *,
        allowed: Allowed | None = None,
        ports: frozenset[int] = PORTS_DEFAULT,
        timeout_s: float = TIMEOUT_S_DEFAULT,
        response_bytes_max: int = RESPONSE_BYTES_MAX,
        resolver: Resolve = resolve,
        verify: ssl.SSLContext | None = None,
    ) -> None:
        self._guard = Guard(
            allowed=allowed or Allowed(),
            ports=ports,
            resolver=resolver,
            verify=verify or httpx.create_ssl_context(),
        )
        self._timeout_s = timeout_s
        self._response_bytes_max = response_bytes_max

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        read: bool = True,
    ) -> Answer:
        """Send a request and read its answer, or raise OutboundError. Without `read` the body of
        the answer is left where it is.
        """
        request = self._request(method, url, headers or {}, body)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._exchange(request, read)
        except (TimeoutError, httpx.TimeoutException):
            raise OutboundError(
                OutboundCode.NO_ANSWER_IN_TIME,
                f"{request.url.host} did not answer completely within {self._timeout_s:g} s",
            ) from None
        except httpx.ConnectError as error:
            raise OutboundError(
                OutboundCode.UNREACHABLE, f"no connection to {request.url.host}: {_said(error)}"
            ) from None
        except httpx.TransportError as error:
            raise OutboundError(
                OutboundCode.BAD_ANSWER, f"{request.url.host} broke off: {_said(error)}"
            ) from None

    async def _exchange(self, request: httpx.Request, read: bool) -> Answer:
        response = await self._guard.handle_async_request(request)
        try:
            headers = checked_answer_headers(response)
            body = await body_of(response, self._response_bytes_max) if read else b""
        finally:
            await response.aclose()
        return Answer(response.status_code, headers, body)

    def _request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> httpx.Request:
        if method not in METHODS:
            raise OutboundError(
                OutboundCode.BAD_METHOD, f"method {method[:20]!r}: use one of {sorted(METHODS)}"
            )
        if len(body) > REQUEST_BYTES_MAX:
            raise OutboundError(
                OutboundCode.REQUEST_TOO_LARGE,
                f"a body of {len(body)} bytes: at most {REQUEST_BYTES_MAX} are sent",
            )
        sent = {"user-agent": USER_AGENT, "accept": "*/*", **checked_headers(headers)}
        sent |= {"accept-encoding": "identity", "connection": "close"}
        waits = {"connect": CONNECT_TIMEOUT_S} | dict.fromkeys(
            ("read", "write", "pool"), self._timeout_s
        )
        return httpx.Request(
            method, parsed(url), headers=sent, content=body, extensions={"timeout": waits}
        )


def _said(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:300]
