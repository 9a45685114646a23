"""The OpenAPI document says all that the routes are, and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, is_typeddict

import jsonschema_rs
import pytest
import schemathesis
from starlette.routing import Route

from penstock import gateway
from penstock.cli import main
from penstock.contracts import filters
from penstock.core.errors import Code
from penstock.gateway.app import ROUTES
from penstock.gateway.errors import STATUS_OF, EdgeCode
from penstock.gateway.openapi import document
from penstock.gateway.pages import pages_of
from penstock.gateway.web import json_answer, route
from tests.gateway.served import Served

GATEWAY = Path(gateway.__file__).parent
DOCUMENT = document(ROUTES)


def operations(made: Any = DOCUMENT) -> set[tuple[str, str]]:
    """Methods and paths of a document."""
    return {(method.upper(), path) for path, of in made["paths"].items() for method in of}


def test_every_route_is_documented_and_nothing_else_is(served: Served) -> None:
    pages = {one.path for one in pages_of()}
    routes = [one for one in served.made.app.routes if isinstance(one, Route)]
    routed = {
        (method, re.sub(r":\w+}", "}", one.path))
        for one in routes
        if one.path not in pages
        for method in (one.methods or set()) - {"HEAD"}
    }
    assert len(served.made.app.routes) == len(routed) + len(pages)
    assert operations(served.good("GET", "/openapi.json")) == routed
    assert [one.path for one in ROUTES if one.says is None] == []


def test_a_route_that_says_nothing_is_missed() -> None:
    async def handler(_: Any) -> Any:
        return json_answer({})

    made = document([*ROUTES, route("GET", "/v1/silent", handler)])
    assert ("GET", "/v1/silent") not in operations(made)


def test_it_is_openapi() -> None:
    schemathesis.openapi.from_dict(DOCUMENT).validate()
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert jsonschema_rs.meta.is_valid(schema), name
    refs = set(re.findall(r'"#/components/(\w+)/([^"]+)"', json.dumps(DOCUMENT)))
    assert {name for kind, name in refs if kind == "schemas"} == set(
        DOCUMENT["components"]["schemas"]
    )
    for kind, name in refs:
        assert name in DOCUMENT["components"][kind]


def test_every_operation_is_told_of() -> None:
    of = {one["operationId"]: one for path in DOCUMENT["paths"].values() for one in path.values()}
    assert len(of) == len(operations())
    assert [name for name, one in of.items() if not one["summary"]] == []


def test_every_code_has_its_status() -> None:
    told = {
        code: int(status)
        for status in DOCUMENT["components"]["responses"]
        for code in codes_of(status)
    }
    assert told == {str(code): status for code, status in STATUS_OF.items()}
    assert told.keys() >= {*map(str, Code), *map(str, EdgeCode)} - {""}


def codes_of(status: str) -> list[str]:
    """The codes of errors with a status."""
    more = DOCUMENT["components"]["schemas"][f"Error{status}"]["allOf"][1]
    return more["properties"]["error"]["properties"]["code"]["enum"]


def test_a_parameter_that_is_not_documented_is_refused(served: Served) -> None:
    code = served.refused("GET", "/v1/wf-runs?limits=1")[1]
    assert code == "BAD_REQUEST"


def test_every_documented_parameter_is_read() -> None:
    told = {
        one["name"]
        for path in DOCUMENT["paths"].values()
        for operation in path.values()
        for one in operation["parameters"]
        if one.get("in") == "query"
    }
    tables = [one for one in vars(filters).values() if isinstance(one, type) and is_typeddict(one)]
    filtered = {name for table in tables for name in table.__annotations__}
    source = "".join(path.read_text() for path in GATEWAY.rglob("*.py"))
    missed = [name for name in told if source.count(f'"{name}"') < (1 if name in filtered else 2)]
    assert missed == []


def test_what_stands_in_the_path_is_not_in_the_body() -> None:
    kill = DOCUMENT["components"]["schemas"]["KillWfRunBody"]
    assert "wf_run_id" not in kill["properties"] and "wf_run_id" not in kill["required"]


def test_the_command_line_has_it_without_a_server(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["openapi"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(DOCUMENT))
