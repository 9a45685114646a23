"""Requests that are answered a window of runs at a time (run_window.py)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from penstock.gateway.auth import identify
from penstock.gateway.run_window import A, Mark, Window, is_whole
from penstock.gateway.spread import Everywhere, answer_of
from penstock.gateway.web import gateway_of


def window_of(request: Request, asked: A, *, ordered: bool = False) -> Window[A]:
    """The window that a request stands at; `ordered`, if what is found is to be put in order."""
    return Window(
        reads=gateway_of(request).reads,
        caller=identify(request),
        asked=asked,
        now_ms=int(time.time() * 1_000),
        mark=Mark.of(request.query_params.get("cursor")),
        ordered=ordered,
    )


def window_answer(
    window: Window[Any], found: Everywhere, items: Sequence[Any], cursor: str | None
) -> Response:
    """With whether the window was all there is."""
    whole = is_whole(found.items, window.mark) and not found.missing
    return answer_of(items, cursor, found.missing, whole=whole)
