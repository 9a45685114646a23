"""Traces, by OpenTelemetry if it is asked for (PENSTOCK_TRACING) and installed (the extra `otel`);
otherwise nothing of it is imported.

What is passed on is W3C's `traceparent`: in a request's headers, and in a record's. It is read by
nobody who folds. A server passes it on even if it makes no spans of its own.
"""

from __future__ import annotations

import re
import time
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import cache
from typing import Any, Final

from penstock.config import tracing_default

TRACEPARENT: Final = "traceparent"
_FORM: Final = re.compile(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
CONSOLE: Final = "console"

passing: Final[ContextVar[bytes | None]] = ContextVar("penstock_traceparent", default=None)
"""The `traceparent` of what is being done, for what it causes."""


def sound(traceparent: bytes | None) -> bytes | None:
    """A `traceparent` of the one form that is passed on; anything else is dropped."""
    if traceparent is None or not _FORM.fullmatch(traceparent):
        return None
    return traceparent


def now_ns() -> int:
    """The time that spans have."""
    return time.time_ns()


def outgoing() -> dict[str, bytes]:
    """The headers with which what is sent now carries on the trace at hand."""
    tracer = tracing()
    at_hand = tracer.current() if tracer is not None else None
    at_hand = at_hand or passing.get()
    return {} if at_hand is None else {TRACEPARENT: at_hand}


def spanning(
    name: str, parent: bytes | None, kind: str, attributes: Mapping[str, Any]
) -> AbstractContextManager[bytes | None]:
    """A span around a block, if there is tracing; gives the `traceparent` for what it causes."""
    tracer = tracing()
    if tracer is None:
        return nullcontext(parent)
    return tracer.span(name, parent, kind, attributes)


def note(attributes: Mapping[str, Any]) -> None:
    """Say more of the span at hand, if there is one."""
    tracer = tracing()
    if tracer is not None:
        tracer.note(attributes)


class Tracer:
    """Spans of this process. Made only if tracing is asked for."""

    def __init__(self, to: str) -> None:
        from opentelemetry import trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        if to == CONSOLE:
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

            provider = TracerProvider()
            provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
            trace.set_tracer_provider(provider)
        self._trace: Any = trace
        self._kinds: Any = trace.SpanKind
        self._tracer: Any = trace.get_tracer("penstock")
        self._form: Any = TraceContextTextMapPropagator()

    def current(self) -> bytes | None:
        """The `traceparent` of the span at hand."""
        carrier: dict[str, str] = {}
        self._form.inject(carrier)
        found = carrier.get(TRACEPARENT)
        return None if found is None else found.encode()

    @contextmanager
    def span(
        self, name: str, parent: bytes | None, kind: str, attributes: Mapping[str, Any]
    ) -> Generator[bytes | None]:
        """See spanning."""
        with self._tracer.start_as_current_span(
            name,
            context=self._context(parent),
            kind=self._kinds[kind],
            attributes=dict(attributes),
        ):
            yield self.current()

    def note(self, attributes: Mapping[str, Any]) -> None:
        """See the function."""
        self._trace.get_current_span().set_attributes(dict(attributes))

    def past(
        self, name: str, parent: bytes, span_ns: tuple[int, int], attributes: Mapping[str, Any]
    ) -> None:
        """A span that is over: from when to when."""
        begun = self._tracer.start_span(
            name,
            context=self._context(parent),
            kind=self._kinds["CONSUMER"],
            attributes=dict(attributes),
            start_time=span_ns[0],
        )
        begun.end(end_time=span_ns[1])

    def _context(self, parent: bytes | None) -> Any:
        return None if parent is None else self._form.extract({TRACEPARENT: parent.decode()})


@cache
def tracing() -> Tracer | None:
    """The process's tracer; None if none is asked for."""
    to = tracing_default()
    return Tracer(to) if to else None
