"""Tests that are lived through twice: with a client that blocks, and with one that is awaited."""

import inspect
from collections.abc import AsyncIterator, Iterator
from typing import Any

Anyone = Any  # a Client or an AsyncClient


async def now(given: Any) -> Any:
    """What a call gives, or what comes of it when it is awaited."""
    return await given if inspect.isawaitable(given) else given


async def every(found: Iterator[Any] | AsyncIterator[Any]) -> list[Any]:
    """All that an iterator gives, of either kind."""
    return [one async for one in found] if isinstance(found, AsyncIterator) else list(found)
