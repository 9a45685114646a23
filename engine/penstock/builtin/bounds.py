"""What a request may be, and how much of an answer is taken: all that is checked of either beside
where it goes.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import httpx

from penstock.builtin.addresses import address_of, is_host_name

URL_CHARS_MAX: Final = 4096
REQUEST_HEADERS_MAX: Final = 64
REQUEST_HEADERS_BYTES_MAX: Final = 16 * 1024
RESPONSE_HEADERS_MAX: Final = 100
RESPONSE_HEADERS_BYTES_MAX: Final = 32 * 1024
REQUEST_BYTES_MAX: Final = 256 * 1024
METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_PORT_OF: Final = {"http": 80, "https": 443}
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_FIELD: Final = re.compile(r"([!-~]([ \t!-~]*[!-~])?)?")
_OWN_HEADERS: Final = frozenset(
    {
        *("accept-encoding", "connection", "content-length", "expect", "host", "keep-alive"),
        *("te", "trailer", "transfer-encoding", "upgrade"),
    }
)
"""What says how a message is carried is not the caller's to say."""

_PACKINGS: Final = {"": False, "identity": False, "gzip": True, "x-gzip": True, "deflate": True}
"""Encodings of a body that are known, and whether there is something to unpack. None is asked for,
but some servers pack whatever they send.
"""


class OutboundCode(StrEnum):
    """Why a request was not sent, or has no answer. They never change their meaning."""

    BAD_URL = "BAD_URL"
    BAD_METHOD = "BAD_METHOD"
    BAD_HEADER = "BAD_HEADER"
    PORT_REFUSED = "PORT_REFUSED"
    ADDRESS_REFUSED = "ADDRESS_REFUSED"
    REQUEST_TOO_LARGE = "REQUEST_TOO_LARGE"
    RESPONSE_TOO_LARGE = "RESPONSE_TOO_LARGE"
    NAME_UNRESOLVED = "NAME_UNRESOLVED"
    UNREACHABLE = "UNREACHABLE"
    BAD_ANSWER = "BAD_ANSWER"
    NO_ANSWER_IN_TIME = "NO_ANSWER_IN_TIME"


TRANSIENT: Final = frozenset(
    {
        OutboundCode.NAME_UNRESOLVED,
        OutboundCode.UNREACHABLE,
        OutboundCode.BAD_ANSWER,
        OutboundCode.NO_ANSWER_IN_TIME,
    }
)
"""What may be otherwise next time; anything else is the request's own fault, and stays."""


class OutboundError(Exception):
    """There is no answer; `code` is stable, the message is for people."""

    def __init__(self, code: OutboundCode, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


def host_of(url: str) -> str:
    """The host that a request to this URL would go to; OutboundError if there would be none. Who
    decides by the host asks here: another reader of URLs may see another host in the same text.
    """
    return checked_host(parsed(url))


def parsed(url: str) -> httpx.URL:
    """A URL as it can be, or OutboundError. What it holds besides is not repeated: it may be a
    secret.
    """
    if len(url) > URL_CHARS_MAX:
        raise _bad_url(f"the URL has {len(url)} characters, at most {URL_CHARS_MAX} are taken")
    try:
        made = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise _bad_url("this is no URL; it looks like https://example.com/path") from None
    if made.scheme not in _PORT_OF:
        raise _bad_url(f"scheme {made.scheme[:20]!r}: use https or http")
    if made.userinfo:
        raise _bad_url("a URL holds no credentials; give them as auth")
    checked_host(made)
    return made


def checked_host(url: httpx.URL) -> str:
    """The host as it is looked up, or OutboundError."""
    host = url.raw_host.decode("ascii").lower().removesuffix(".")
    if address_of(host) is None and not is_host_name(host):
        raise _bad_url(f"{host[:100]!r} is neither a host name nor an address in its usual form")
    if not 0 < port_of(url) < 65_536:
        raise _bad_url(f"port {url.port}: ports are 1 to 65535")
    return host


def port_of(url: httpx.URL) -> int:
    """The port that a URL says, or its scheme has."""
    return _PORT_OF[url.scheme] if url.port is None else url.port


def _bad_url(message: str) -> OutboundError:
    return OutboundError(OutboundCode.BAD_URL, message)


def checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers of a caller with names in lower case, or OutboundError."""
    size = sum(len(name) + len(value) for name, value in headers.items())
    if len(headers) > REQUEST_HEADERS_MAX or size > REQUEST_HEADERS_BYTES_MAX:
        raise OutboundError(
            OutboundCode.REQUEST_TOO_LARGE,
            f"{len(headers)} headers of {size} bytes: at most {REQUEST_HEADERS_MAX} of together"
            f" {REQUEST_HEADERS_BYTES_MAX} bytes are sent",
        )
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name) or not _FIELD.fullmatch(value):
            raise OutboundError(
                OutboundCode.BAD_HEADER,
                f"header {name[:128]!r}: names and values are printable ASCII in one line",
            )
        if name.lower() in _OWN_HEADERS or name.lower().startswith("proxy-"):
            raise OutboundError(
                OutboundCode.BAD_HEADER, f"header {name!r} is not the caller's to set"
            )
    return {name.lower(): value for name, value in headers.items()}


def checked_answer_headers(response: httpx.Response) -> dict[str, str]:
    """Headers of an answer that are not too many, or OutboundError."""
    raw = response.headers.raw
    size = sum(len(name) + len(value) for name, value in raw)
    if len(raw) > RESPONSE_HEADERS_MAX or size > RESPONSE_HEADERS_BYTES_MAX:
        raise OutboundError(
            OutboundCode.RESPONSE_TOO_LARGE,
            f"the answer has {len(raw)} headers of {size} bytes: at most {RESPONSE_HEADERS_MAX} of"
            f" together {RESPONSE_HEADERS_BYTES_MAX} bytes are taken",
        )
    return dict(response.headers)


async def body_of(response: httpx.Response, bytes_max: int) -> bytes:
    """The body, unpacked; both what comes and what it is unpacked to stay below the bound."""
    packing = response.headers.get("content-encoding", "").strip().lower()
    if packing not in _PACKINGS:
        raise OutboundError(
            OutboundCode.BAD_ANSWER,
            f"the answer is packed as {packing[:40]!r}, which nobody asked for",
        )
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # gzip or zlib, as its head says
    body, came = bytearray(), 0
    async for chunk in response.aiter_raw():
        came += len(chunk)
        room = bytes_max - len(body)
        body += _unpacked(unpacker, chunk, room + 1) if _PACKINGS[packing] else chunk
        if max(came, len(body)) > bytes_max:
            raise OutboundError(
                OutboundCode.RESPONSE_TOO_LARGE,
                f"the answer has more than {bytes_max} bytes, which is all that is taken",
            )
    if came and _PACKINGS[packing] and not unpacker.eof:
        raise _not_unpacked()
    return bytes(body)


def _unpacked(unpacker: Any, chunk: bytes, bytes_max: int) -> bytes:
    try:
        return unpacker.decompress(chunk, bytes_max)
    except zlib.error:
        raise _not_unpacked() from None


def _not_unpacked() -> OutboundError:
    return OutboundError(
        OutboundCode.BAD_ANSWER, "the answer can not be unpacked as its header says"
    )
