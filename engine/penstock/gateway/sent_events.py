"""Server-sent events as they are sent."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, Final

import msgspec

MEDIA: Final = "text/event-stream"
ERROR: Final = "error"
MISSING: Final = "missing"
Events = AsyncGenerator[bytes]


def event(name: str, data: Any) -> bytes:
    """An event as it is sent."""
    return b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(data) + b"\n\n"
