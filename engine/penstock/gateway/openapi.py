"""The OpenAPI document: made of what the routes say, and of the types that they name.

Rule: this file knows what all routes have in common, and no single one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from copy import deepcopy
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import msgspec

from penstock.contracts.answers.common import Token
from penstock.contracts.answers.definitions import ErrorShown
from penstock.contracts.wire import TENANT_DEFAULT
from penstock.gateway.auth import TENANT_HEADER
from penstock.gateway.errors import RETRIED, STATUS_OF
from penstock.gateway.json_in import COMMAND_ID_HEADER, REQUEST_BYTES_MAX
from penstock.gateway.says import READ_FROM, VIEW, Param, Says
from penstock.gateway.web import COMMAND_ID, POSITION_HEADER, STANDBY_HEADER, WHOLE, ApiRoute

Json = dict[str, Any]

SCHEMAS: Final = "#/components/schemas/"
VIEWED: Final = "Viewed"
ALWAYS: Final = (400, 421, 429, 500, 503)
OF_CREDENTIALS: Final = (401, 403)
OF_COMMANDS: Final = (403, 404, 409, 413, 422, 429, 504)
INT_IN_PATH: Final = f":{WHOLE}"
_REF: Final = re.compile(rf'"{SCHEMAS}([^"]+)"')
_IN_PATH: Final = re.compile(r"\{(\w+)((?::\w+)?)\}")

ABOUT: Final = f"""\
Commands change something: each is written to the log, and answered when it is folded. A command may
be sent again with the same `{COMMAND_ID_HEADER}`: it is done once, and answered the same, with
`repeated` true. Answers name their position; give it as `at_least` to a read that must not be
older. An error has a stable code; those with status 421, 503 and 504 are worth another try, and
those with 429 if they have a Retry-After."""


def document(routes: Iterable[object]) -> Json:
    """The document of all routes that say something."""
    known = [one for one in routes if isinstance(one, ApiRoute) and one.says is not None]
    schemas = _Schemas()
    paths: dict[str, Json] = {}
    for one in known:
        path = _IN_PATH.sub(r"{\1}", one.path)
        assert one.says is not None
        paths.setdefault(path, {})[one.method.lower()] = _operation(one, one.says, schemas)
    responses = {str(status): _error(status, schemas) for status in sorted(set(_CODES))}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Penstock",
            "version": _version(),
            "summary": "A durable workflow engine on Apache Kafka",
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas.used_by([paths, responses]),
            "responses": responses,
            "parameters": _PARAMETERS,
            "headers": _HEADERS,
            "securitySchemes": _CREDENTIALS,
        },
    }


def _version() -> str:
    try:
        return version("penstock")
    except PackageNotFoundError:
        return "0"


class _Schemas:
    """The schemas of types, and the components that they refer to."""

    def __init__(self) -> None:
        self.components: dict[str, Any] = {VIEWED: _VIEWED}

    def of(self, kind: Any) -> Json:
        """The schema of a type."""
        (schema,), more = msgspec.json.schema_components([kind], ref_template=SCHEMAS + "{name}")
        for name, component in more.items():
            self.put(name, component)
        return schema

    def put(self, name: str, component: Json) -> None:
        """Keep a component. Two types of one name would be one in the document."""
        if self.components.setdefault(name, component) != component:
            raise ValueError(f"two types of different form have the name {name}: rename one")

    def used_by(self, made: Any) -> Json:
        """The components that something refers to, and those that these refer to."""
        found: Json = {}
        looked_at: list[Any] = [made]
        while looked_at:
            for name in _REF.findall(msgspec.json.encode(looked_at.pop()).decode()):
                if name not in found:
                    found[name] = self.components[name]
                    looked_at.append(found[name])
        return dict(sorted(found.items()))

    def of_body(self, says: Says, in_path: set[str]) -> Json:
        """The schema of a body: the Struct's, but for what stands in the path."""
        assert says.body is not None
        schema = self.of(says.body)
        name = schema["$ref"].removeprefix(SCHEMAS)
        whole = self.components[name]
        taken = in_path & whole["properties"].keys()
        if not taken and not says.bodies:
            return schema
        body = deepcopy(whole)
        for field in taken:
            del body["properties"][field]
        for field, kind in says.bodies.items():
            body["properties"][field] = self.of(kind)
        body["required"] = [one for one in whole["required"] if one not in taken]
        body["title"] = name = f"{name}Body"
        self.put(name, body)
        return {"$ref": SCHEMAS + name}


def _operation(one: ApiRoute, says: Says, schemas: _Schemas) -> Json:
    in_path = dict(_IN_PATH.findall(one.path))
    made: Json = {
        "operationId": _operation_id(one),
        "tags": [_tag(one.path)],
        **_told(one, says),
        "parameters": [
            *(_path_parameter(name, kind) for name, kind in in_path.items()),
            *(_query_parameter(param, schemas) for param in says.query),
            *([{"$ref": "#/components/parameters/tenant"}] if _is_of_tenant(one.path) else []),
            *([{"$ref": "#/components/parameters/command_id"}] if says.sends else []),
        ],
    }
    if says.body is not None:
        schema = schemas.of_body(says, set(in_path))
        needed = schemas.components[schema["$ref"].removeprefix(SCHEMAS)]["required"]
        content = {"application/json": {"schema": schema}}
        made["requestBody"] = {"required": bool(needed), "content": content}
    elif says.takes_any and one.method != "GET":
        made["requestBody"] = {"content": {"*/*": {}}}
    made["responses"] = _responses(one, says, schemas)
    if not one.is_open:
        made["security"] = [{}, *({name: []} for name in _CREDENTIALS)]
    return made


def _operation_id(one: ApiRoute) -> str:
    path = _IN_PATH.sub(r"by_\1", one.path.removeprefix("/v1"))
    return f"{one.method.lower()}{re.sub(r'[^a-z_]+', '_', path)}"


def _tag(path: str) -> str:
    return path.removeprefix("/v1/").strip("/").partition("/")[0]


def _is_of_tenant(path: str) -> bool:
    return path.startswith("/v1/")


def _told(one: ApiRoute, says: Says) -> Json:
    """What the handler says of itself; else what the body does."""
    told = one.about or (says.body.__doc__ if says.body else None) or ""
    text = " ".join(told.split())
    summary, dot, more = text.partition(". ")
    return {"summary": summary.rstrip(".")} | ({"description": text} if dot and more else {})


def _path_parameter(name: str, kind: str) -> Json:
    schema: Json = {"type": "string", "minLength": 1}
    if kind == INT_IN_PATH:
        schema = {"type": "integer", "minimum": 0}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameter(param: Param, schemas: _Schemas) -> Json:
    return {
        "name": param.name,
        "in": "query",
        "required": param.required,
        "description": param.about,
        "schema": schemas.of(param.kind),
    }


def _responses(one: ApiRoute, says: Says, schemas: _Schemas) -> Json:
    headers: Json = {}
    if says.positioned:
        headers[POSITION_HEADER] = {"$ref": "#/components/headers/position"}
    if READ_FROM in says.query:
        headers[STANDBY_HEADER] = {"$ref": "#/components/headers/standby_lag"}
    if says.sends:
        headers[COMMAND_ID_HEADER] = {"$ref": "#/components/headers/command_id"}
    good: Json = {"description": "Done." if says.sends else "What was asked for."}
    if headers:
        good["headers"] = headers
    good["content"] = {says.media: {"schema": _given(says, schemas)}}
    found: dict[str, Json] = {"200": good}
    if says.status != HTTPStatus.OK:
        found["200"] = {**good, "description": "It was done before: the first answer again."}
        found[str(says.status)] = good
    for status, kind in says.other.items():
        content = {"application/json": {"schema": schemas.of(kind)}}
        found[str(status)] = {"description": HTTPStatus(status).phrase, "content": content}
    for status in sorted(_errors_of(one, says)):
        found.setdefault(str(status), {"$ref": f"#/components/responses/{status}"})
    return dict(sorted(found.items()))


def _given(says: Says, schemas: _Schemas) -> Json:
    if says.events:
        told = (_event(name, kind, says, schemas) for name, kind in says.events.items())
        return {"anyOf": list(told)}
    if says.gives is None:
        return {"type": "string"}
    schema = schemas.of(says.gives)
    return {"anyOf": [schema, {"$ref": SCHEMAS + VIEWED}]} if says.views else schema


def _event(name: str, kind: Any, says: Says, schemas: _Schemas) -> Json:
    """One of the events that a stream is made of."""
    data = schemas.of(kind)
    if VIEW in says.query:
        data = {"anyOf": [data, {"$ref": SCHEMAS + VIEWED}]}
    content = {"contentMediaType": "application/json", "contentSchema": data}
    fields = {"event": {"const": name}, "data": {"type": "string", **content}}
    return {"type": "object", "properties": fields, "required": list(fields)}


def _errors_of(one: ApiRoute, says: Says) -> set[int]:
    found = {400, 500, *says.also}  # 400: a parameter that it does not know
    if not one.is_open:
        found |= set(OF_CREDENTIALS)
    if _is_of_tenant(one.path):
        found |= set(ALWAYS)
    if "{" in one.path:
        found.add(404)
    if says.body is not None or (says.takes_any and one.method != "GET"):
        found |= {408, 413}
    if any(param.name == "at_least" for param in says.query):
        found.add(504)
    if says.sends:
        found |= set(OF_COMMANDS)
    return found


_CODES: Final[dict[int, list[str]]] = {
    status: sorted(str(code) for code, of in STATUS_OF.items() if of == status)
    for status in STATUS_OF.values()
}


def _error(status: int, schemas: _Schemas) -> Json:
    """The error with this status: its codes are a closed list."""
    schemas.of(ErrorShown)
    name = f"Error{status}"
    codes = {"properties": {"code": {"enum": _CODES[status]}}}
    shown = {"$ref": SCHEMAS + ErrorShown.__name__}
    schemas.put(name, {"allOf": [shown, {"properties": {"error": codes}}]})
    made: Json = {
        "description": HTTPStatus(status).phrase,
        "content": {"application/json": {"schema": {"$ref": SCHEMAS + name}}},
    }
    if status in RETRIED:
        made["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    return made


_VIEWED: Final[Json] = {
    "title": VIEWED,
    "description": "What is asked for, in the words and shapes of the product that `view` names.",
    "type": "object",
}
_CREDENTIALS: Final[Json] = {
    "credential": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key, or a token of the identity provider that the server trusts. A"
        " server for development asks for none.",
    },
}
_POSITION: Final[Json] = msgspec.json.schema(Token)
_COMMAND_ID: Final[Json] = {"type": "string", "pattern": f"^{COMMAND_ID.pattern}$"}
_PARAMETERS: Final[Json] = {
    "tenant": {
        "name": TENANT_HEADER,
        "in": "header",
        "description": "Whose things these are.",
        "schema": {
            "type": "string",
            "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$",
            "maxLength": 40,
            "default": TENANT_DEFAULT,
        },
    },
    "command_id": {
        "name": COMMAND_ID_HEADER,
        "in": "header",
        "description": "An id of the client's own, by which the same command is known again; it is"
        f" made here if it is left out. A body may have {REQUEST_BYTES_MAX} bytes.",
        "schema": _COMMAND_ID,
    },
}
_HEADERS: Final[Json] = {
    "position": {"description": "The position of the answer.", "schema": _POSITION},
    "command_id": {"description": "The id of the command.", "schema": _COMMAND_ID},
    "standby_lag": {
        "description": "A standby has answered, so many records behind the log.",
        "schema": {"type": "integer", "minimum": 0},
    },
}
