"""Requests of others, in whatever form they come: body, headers and parameters as values, bounded,
and nothing in them that may be a credential.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from penstock.core.errors import Code, refuse
from penstock.gateway.errors import ApiError, EdgeCode, bad_request
from penstock.gateway.json_in import load, read_body

BODY_BYTES_MAX: Final = 224 * 1024
"""So that a value can hold it, with what is told besides."""
QUERY_BYTES_MAX: Final = 8 * 1024
FIELDS_MAX: Final = 1_000
HEADER_CHARS_MAX: Final = 1_024
TOLD_HEADERS: Final = ("content-type", "webhook-id")
"""Headers that every run is told of."""
ID_HEADERS: Final = ("webhook-id", "idempotency-key")
"""What a sender tells repeats by; the first that is there counts."""

_ID: Final = re.compile(r"[\x21-\x7e]{1,256}")
_TEXT: Final = re.compile(r"text/[a-z0-9.+-]+|application/(?:[a-z0-9.-]+\+)?xml")
_JSON: Final = re.compile(r"(?:application|text)/(?:[a-z0-9.-]+\+)?json")
_FORM: Final = "application/x-www-form-urlencoded"
_CHARSETS: Final = frozenset({"", "utf-8", "utf8", "us-ascii"})

Lists = dict[str, list[str]]


def request_id(request: Request) -> str | None:
    """The id that the sender has given the request, the same for each time that it is sent."""
    for name in ID_HEADERS:
        given = request.headers.get(name)
        if given is None:
            continue
        if not _ID.fullmatch(given):
            refuse(Code.BAD_ID, f"{name}: use 1-256 ASCII characters, none of them blank")
        return given
    return None


async def body_of(request: Request) -> Any:
    """The body as its type says: JSON, a form (each name with all its values) or text; null if
    there is none.
    """
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise _bad_type("send the body as it is, without a content-encoding")
    body = await read_body(request, BODY_BYTES_MAX)
    if not body.strip():
        return None
    kind, _, rest = request.headers.get("content-type", "text/plain").partition(";")
    kind = kind.strip().lower()
    if _charset(rest) not in _CHARSETS:
        raise _bad_type("send text in UTF-8")
    if _JSON.fullmatch(kind):
        return load(body)
    if kind == _FORM:
        return _fields(_decoded(body), "form")
    if _TEXT.fullmatch(kind):
        return _decoded(body)
    raise _bad_type(f"content-type {kind[:60]!r}: send JSON, a form or text")


def headers_of(request: Request, more: tuple[str, ...]) -> Lists:
    """The headers that a run is told of, each with all its values."""
    found: Lists = {}
    for name in (*TOLD_HEADERS, *more):
        values = request.headers.getlist(name)
        if any(len(value) > HEADER_CHARS_MAX for value in values):
            raise ApiError(Code.TOO_LARGE, f"header {name}: {HEADER_CHARS_MAX} characters at most")
        if values:
            found[name] = values
    return found


def parameters_of(request: Request) -> Lists:
    """The parameters of the address, each with all its values."""
    query: bytes = request.scope["query_string"]
    if len(query) > QUERY_BYTES_MAX:
        raise ApiError(Code.TOO_LARGE, f"parameters of {QUERY_BYTES_MAX} bytes at most")
    return _fields(_decoded(query), "address")


def _fields(text: str, where: str) -> Lists:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX)
    except UnicodeDecodeError as error:
        raise bad_request(f"the {where} is not UTF-8") from error
    except ValueError as error:
        raise ApiError(Code.TOO_LARGE, f"the {where} has more than {FIELDS_MAX} fields") from error
    found: Lists = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def _decoded(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise bad_request("the body is not UTF-8") from error


def _charset(parameters: str) -> str:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"').lower()
    return ""


def _bad_type(message: str) -> ApiError:
    return ApiError(EdgeCode.BAD_MEDIA_TYPE, message)
