"""Hostile requests, made from the OpenAPI document: for every operation, and so for those to come.

What is hostile: names that lead elsewhere or are no names (in paths, in queries, in headers, in
fields), and bodies that are not the JSON that is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

from msgspec import Struct

from penstock.gateway.access import OPEN
from penstock.gateway.json_in import REQUEST_BYTES_MAX

Json = dict[str, Any]

IN_PATHS: Final = {
    "up": "..%2F..%2Fx",
    "slash": "a%2Fb",
    "dots": "%2e%2e",
    "encoded twice": "%252e%252e",
    "300 characters": "x" * 300,
    "long number": "9" * 5_000,
    "NUL": "a%00b",
    "right to left": quote("\u202eabc"),
    "half a character": "%ED%A0%80",
    "four bytes": quote("𝄞"),
    "no UTF-8": "%FF%FE",
}
IN_FIELDS: Final = {
    "up": '"../../x"',
    "slash": '"a/b"',
    "dots": '"%2e%2e"',
    "300 characters": '"' + "x" * 300 + '"',
    "NUL": '"a\\u0000b"',
    "right to left": '"\\u202eabc"',
    "half a character": '"\\ud800"',
    "four bytes": '"𝄞"',
    "long number": "1" * 100_000,
    "not a number": "NaN",
    "infinity": "1e999",
    "deep": "[" * 65 + "]" * 65,
    "wide": '{"a":' + "[0]" + "}",
}
AS_BODIES: Final[dict[str, bytes]] = {
    "nothing closed": b"{",
    "no JSON": b"nonsense",
    "very deep": b"[" * 500_000,
    "deep in an object": b'{"a":' + b"[" * 100 + b"]" * 100 + b"}",
    "not a number": b'{"a":NaN}',
    "infinity": b'{"a":1e999}',
    "long number": b'{"a":' + b"1" * 100_000 + b"}",
    "a key twice": b'{"a":1,"a":2}',
    "half a character": b'{"a":"\\ud800"}',
    "half a character as a key": b'{"\\udfff":1}',
    "no UTF-8": b'{"a":"\xff"}',
    "a mark of byte order": b"\xef\xbb\xbf{}",
    "a list": b"[]",
    "a text": b'"x"',
    "an unknown field": b'{"no field has this name":1}',
    "one byte too many": b'{"a":"' + b"x" * (REQUEST_BYTES_MAX - 7) + b'"}',
}
OF_NO_TENANT: Final = frozenset(
    {
        *("GET /v1/dead-letters", "GET /v1/doctor", "GET /v1/cluster", "GET /v1/verify"),
        *("GET /v1/snapshots", "POST /v1/snapshots", "POST /v1/drain"),
        *("GET /healthz", "GET /readyz", "GET /metrics", "GET /openapi.json"),
    }
)
"""What tells of the whole cluster does not look at whose things are asked for."""
Headers = tuple[tuple[bytes, bytes], ...]
BEYOND_ASCII: Final = (b"\xe9", "\u00e9\u202e".encode(), b"\xff\xfe")
LONG: Final = b"x" * 8_000
HEADERS: Final[dict[str, tuple[bytes, ...]]] = {
    "Penstock-Tenant": (b"../x", b"A", b"a" * 41, b"a b", b"a--b", LONG, *BEYOND_ASCII),
    "Penstock-Command-Id": (b"x" * 129, b"a b", LONG, *BEYOND_ASCII),
}
"""Of a route that takes them."""
BETWEEN_NODES: Final = b"Penstock-Forwarded-By"
IN_HEADERS: Final[dict[str, Headers]] = {
    **{f"agent {one!r}": ((b"User-Agent", one),) for one in BEYOND_ASCII},
    "any, long": ((b"X-Any", LONG),),
    "any, twice": ((b"X-Any", b"1"), (b"X-Any", b"\xff")),
    "tenants": ((b"Penstock-Tenant", b"default"), (b"Penstock-Tenant", b"\xe9")),
    "commands": ((b"Penstock-Command-Id", b"one"), (b"Penstock-Command-Id", b"\xe9")),
    "traces": ((b"traceparent", b"\xff"), (b"traceparent", LONG)),
    "encodings": ((b"Accept-Encoding", b"\xe9"), (b"Content-Type", b"\xe9/\xff")),
    "position": ((b"Penstock-Position", b"9" * 5_000),),
    "partitions": ((b"Penstock-Partitions", b"1"),),
    **{
        f"as a node, for {one!r}": ((BETWEEN_NODES, b"x"), (b"Penstock-Partitions", one))
        for one in (b"1", b"999999", b"\xb2", b"9" * 5_000, b",", *BEYOND_ASCII)
    },
}
"""Of any route: what means nothing there, or is for nodes to say."""


FOREIGN_PAGE: Final[Headers] = ((b"Origin", b"http://evil.example"),)


class Hostile(Struct, frozen=True):
    """A request. One that is `certain` is refused, whatever the operation; of another it is only
    sure that it is answered as documented.
    """

    why: str
    url: str
    body: bytes | None = None
    headers: Headers = ()
    certain: bool = True


class Operation:
    """An operation of the document."""

    def __init__(self, document: Json, path: str, method: str) -> None:
        self._document = document
        self.path, self.method = path, method.upper()
        self._says: Json = document["paths"][path][method]
        self._params = [self._resolved(one) for one in self._says.get("parameters", [])]
        content: Json = self._says.get("requestBody", {}).get("content", {})
        self._body: Json | None = content.get("application/json", {}).get("schema")

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def hostile(self) -> Iterator[Hostile]:
        """All hostile requests."""
        yield from self._in_paths()
        yield from self._in_queries()
        yield from self._in_headers()
        if self._body is not None:
            yield from self._as_bodies()
            yield from self._in_fields(self._body)

    def _in_paths(self) -> Iterator[Hostile]:
        for name in self._names("path"):
            for why, value in IN_PATHS.items():
                yield Hostile(f"{name}: {why}", self._url(**{name: value}), self._example())

    def _in_queries(self) -> Iterator[Hostile]:
        yield Hostile("an unknown parameter", self._url() + "?no-such=1", self._example())
        for name in self._names("query"):
            for why, value in IN_PATHS.items():
                url = f"{self._url()}?{name}={value}"
                yield Hostile(f"{name}: {why}", url, self._example(), certain=False)

    def _in_headers(self) -> Iterator[Hostile]:
        for name in self._names("header"):
            for value in HEADERS.get(name, ()):
                certain = str(self) not in OF_NO_TENANT
                header = ((name.encode(), value),)
                asked = f"{name}: {value!r:.80}", self._url(), self._example(), header
                yield Hostile(*asked, certain=certain)
        for why, headers in IN_HEADERS.items():
            yield Hostile(f"header: {why}", self._url(), self._example(), headers, certain=False)
        if self.method != "GET" and self.path not in OPEN:
            yield Hostile("a page of others", self._url(), self._example(), FOREIGN_PAGE)

    def _as_bodies(self) -> Iterator[Hostile]:
        for why, body in AS_BODIES.items():
            yield Hostile(f"body: {why}", self._url(), body)

    def _in_fields(self, schema: Json) -> Iterator[Hostile]:
        made = self._object(schema)
        for name in self._resolved(schema).get("properties", {}):
            rest = {key: text for key, text in made.items() if key != name}
            for why, value in IN_FIELDS.items():
                body = _joined({**rest, name: value}).encode()
                yield Hostile(f"field {name}: {why}", self._url(), body, certain=False)

    # What is not hostile, and stands around what is.

    def _names(self, where: str) -> list[str]:
        return [one["name"] for one in self._params if one["in"] == where]

    def _url(self, **values: str) -> str:
        url = self.path
        for one in self._params:
            if one["in"] == "path":
                kind = one["schema"].get("type")
                plain = "0" if kind == "integer" else "nobody"
                url = url.replace("{" + one["name"] + "}", values.get(one["name"], plain))
        return url

    def _example(self) -> bytes | None:
        return None if self._body is None else _joined(self._object(self._body)).encode()

    def _object(self, schema: Json) -> dict[str, str]:
        """The fields that an object must have, as JSON each."""
        found = self._resolved(schema)
        properties: Json = found.get("properties", {})
        return {name: self._value(properties.get(name, {})) for name in found.get("required", [])}

    def _value(self, schema: Json) -> str:
        found = self._resolved(schema)
        for choice in ("anyOf", "oneOf"):
            if choice in found:
                return self._value(found[choice][0])
        if "enum" in found:
            return f'"{found["enum"][0]}"'
        simple = {"integer": "1", "number": "1", "boolean": "true", "array": "[]", "null": "null"}
        if found.get("type") == "object":
            return _joined(self._object(found))
        return simple.get(str(found.get("type")), '"nobody"')

    def _resolved(self, schema: Json) -> Json:
        while "$ref" in schema:
            *_, kind, name = schema["$ref"].split("/")
            schema = self._document["components"][kind][name]
        return schema


def _joined(fields: dict[str, str]) -> str:
    return "{" + ",".join(f'"{name}":{text}' for name, text in fields.items()) + "}"


def operations(document: Json) -> list[Operation]:
    """All operations of a document."""
    return [
        Operation(document, path, method)
        for path, methods in document["paths"].items()
        for method in methods
    ]
