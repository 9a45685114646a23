"""The OpenAPI document of all routes."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from penstock.gateway.openapi import document
from penstock.gateway.says import Says
from penstock.gateway.web import json_answer, route


async def openapi(request: Request) -> Response:
    """This document: all routes, what they take, and what they give."""
    state = request.app.state
    made = getattr(state, "openapi", None)
    if made is None:
        made = state.openapi = document(state.routes)
    return json_answer(made)


ROUTES: Final = [route("GET", "/openapi.json", openapi, Says(gives=dict[str, Any]))]
