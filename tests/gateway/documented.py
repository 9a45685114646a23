"""Every answer that a test gets is held against the OpenAPI document: its route, its status, and
its body, in which nothing may be that the document does not name.
"""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

import httpx
import jsonschema_rs

from penstock.gateway.asked import HOP_HEADER

_IN_PATH = re.compile(r"\\{(\w+)\\}")
SOMETIMES = ("Retry-After", "Penstock-Standby-Lag")


class Documented:
    """The document, made strict: in answers, what has known fields has no others."""

    def __init__(self, document: Any) -> None:
        self.document = _strict(document)
        self.validators: dict[str, jsonschema_rs.Validator] = {}
        self.paths = [
            (re.compile(_IN_PATH.sub("[^/]+", re.escape(path))), path) for path in document["paths"]
        ]

    def check(self, response: httpx.Response) -> None:
        """Hold an answer against the document; what nodes tell each other is not in it."""
        request = response.request
        if HOP_HEADER in request.headers:
            return
        method, path = request.method, request.url.raw_path.decode().partition("?")[0]
        if method in ("HEAD", "OPTIONS") or response.status_code == 405:
            return
        known = self.operation(method, path)
        if known is None:
            assert response.status_code == 404, f"{method} {path} is not documented"
            return
        of = f"{method} {path} gave {response.status_code}"
        answers = known["responses"]
        assert str(response.status_code) in answers, f"{of}, not one of {sorted(answers)}"
        answer = self.resolved(answers[str(response.status_code)])
        media = response.headers["content-type"].partition(";")[0]
        assert media in answer["content"], f"{of} as {media}"
        for name in answer.get("headers", {}):
            assert name in SOMETIMES or name in response.headers, f"{of} without {name}"
        if media == "application/json":
            schema = answer["content"][media]["schema"]
            if "view" not in request.url.params:
                schema = schema.get("anyOf", [schema])[0]
            self._check_body(of, schema, response.read())

    def operation(self, method: str, path: str) -> Any:
        """What the document says of a route."""
        for pattern, template in self.paths:
            of_path = self.document["paths"][template]
            if pattern.fullmatch(path) and method.lower() in of_path:
                return of_path[method.lower()]
        return None

    def resolved(self, answer: Any) -> Any:
        """An answer, or the one that it refers to."""
        if "$ref" not in answer:
            return answer
        return self.document["components"]["responses"][answer["$ref"].rpartition("/")[2]]

    def _check_body(self, of: str, schema: Any, body: bytes) -> None:
        key = str(schema)
        if key not in self.validators:
            whole = {**schema, "components": self.document["components"]}
            self.validators[key] = jsonschema_rs.Draft202012Validator(whole)
        value = httpx.Response(200, content=body).json()
        faults = [
            f"{'/'.join(map(str, error.instance_path))}: {error.message}"
            for error in self.validators[key].iter_errors(value)
        ]
        assert not faults, f"{of}: {faults[:5]}"


def _strict(document: Any) -> Any:
    made = deepcopy(document)
    for schema in made["components"]["schemas"].values():
        if schema.get("properties") and schema.get("type") == "object":
            schema.setdefault("additionalProperties", False)
    return made
