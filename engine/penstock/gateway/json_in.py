"""Request bodies: bounded, strict JSON, and Structs made from it.

Refused as BAD_JSON: what is no JSON, duplicate keys, NaN and infinities, numbers of more than 100
digits, nesting deeper than 64, and text that is no Unicode (lone surrogates). An unknown field or a
wrong type is BAD_REQUEST.
"""

from __future__ import annotations

import asyncio
import json
import re
from math import isfinite
from typing import Any, Final, NoReturn, TypeVar, cast

import msgspec
from msgspec import Struct
from starlette.requests import Request

from penstock.core.errors import Code
from penstock.core.limits import INT_MAX, INT_MIN, JSON_DEPTH_MAX
from penstock.gateway.errors import ApiError, EdgeCode, bad_request

COMMAND_ID_HEADER: Final = "Penstock-Command-Id"
REQUEST_BYTES_MAX: Final = 1024 * 1024
NUMBER_CHARS_MAX: Final = 100
BODY_S: Final = 30.0  # for the whole body, however it comes

S = TypeVar("S", bound=Struct)


async def read_struct(request: Request, kind: type[S], **fixed: Any) -> S:
    """The body as a Struct; `fixed` are fields that come from elsewhere (the path), and not from
    the body.
    """
    fields = load(await read_body(request))
    if not isinstance(fields, dict):
        raise bad_request("the body must be a JSON object")
    for name in fixed:
        if name in fields:
            raise bad_request(f"field `{name}` is not part of this body")
    return to_struct({**cast("dict[str, Any]", fields), **fixed}, kind)


def to_struct(fields: dict[str, Any], kind: type[S]) -> S:
    """A Struct of fields; says which one is wrong."""
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        raise bad_request(str(error)) from error


async def read_body(request: Request, bytes_max: int = REQUEST_BYTES_MAX) -> bytes:
    """The body, up to its limit; it is kept, for another node that it may have to go to."""
    kept: bytes | None = getattr(request.state, "body", None)
    if kept is None:
        try:
            async with asyncio.timeout(BODY_S):
                kept = request.state.body = await _body_of(request, bytes_max)
        except TimeoutError as error:
            raise ApiError(
                EdgeCode.BODY_TIMEOUT,
                f"the body has not come within {BODY_S:g} s",
                headers={"Connection": "close"},
            ) from error
    return kept


async def _body_of(request: Request, bytes_max: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > bytes_max:
            raise ApiError(
                Code.TOO_LARGE,
                f"the body is larger than {bytes_max} bytes",
                headers={"Connection": "close"},
            )
        chunks.append(chunk)
    return b"".join(chunks)


def load(body: bytes) -> Any:
    """The JSON of a body; an empty body is an empty object."""
    if not body.strip():
        return {}
    _check_depth(body)
    try:
        value = _DECODER.decode(body.decode())
    except UnicodeDecodeError as error:
        raise _bad_json("the body is not UTF-8") from error
    except RecursionError as error:
        raise _bad_json(f"nested deeper than {JSON_DEPTH_MAX} levels") from error
    except json.JSONDecodeError as error:
        raise _bad_json(f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    if b"\\u" in body:
        _check_surrogates(value)
    return value


def _bad_json(message: str) -> ApiError:
    return ApiError(EdgeCode.BAD_JSON, f"the body is not the JSON we take: {message}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _bad_json(f"the key {name[:60]!r} is there twice")
            seen.add(name)
    return fields


def _int(text: str) -> int:
    if len(text) > NUMBER_CHARS_MAX:
        raise _bad_json(f"a number has more than {NUMBER_CHARS_MAX} digits")
    number = int(text)
    if not INT_MIN <= number <= INT_MAX:
        raise ApiError(Code.BAD_VALUE, f"{text} is an integer that does not fit in 64 bits, signed")
    return number


def _float(text: str) -> float:
    if len(text) > NUMBER_CHARS_MAX:
        raise _bad_json(f"a number has more than {NUMBER_CHARS_MAX} digits")
    number = float(text)
    if not isfinite(number):
        raise _bad_json(f"{text} is too large a number")
    return number


def _constant(text: str) -> NoReturn:
    raise _bad_json(f"{text} is not JSON")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_int, parse_float=_float, parse_constant=_constant
)


def _check_depth(body: bytes) -> None:
    """Count brackets outside of strings, before a parser recurses into them. Most bodies have too
    few to look.
    """
    if body.count(b"{") + body.count(b"[") <= JSON_DEPTH_MAX:
        return
    depth = 0
    for found in _STRING_OR_BRACKET.finditer(body):
        first = found[0][:1]
        if first in (b"{", b"["):
            depth += 1
            if depth > JSON_DEPTH_MAX:
                raise _bad_json(f"nested deeper than {JSON_DEPTH_MAX} levels")
        elif first in (b"}", b"]"):
            depth -= 1


_STRING_OR_BRACKET: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"|[][{}]', re.DOTALL)


def _check_surrogates(value: Any) -> None:
    """An escape can name half of a character, which no UTF-8 has."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise _bad_json("an escape names half of a character (a lone surrogate)") from error
