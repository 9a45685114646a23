"""The clients: register definitions, start runs, find them again."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, TypeVar, overload

import httpx

from penstock.config import url_default
from penstock.sdk import hints
from penstock.sdk.client_base import ClientBase
from penstock.sdk.connection import Awaiting, Blocking
from penstock.sdk.handle import AsyncRunHandle, RunHandle
from penstock.sdk.workflow import Workflow

R = TypeVar("R")


class Client(ClientBase[Blocking]):
    """A connection to a Penstock server. May be used from many threads; close it, or use it in a
    `with`.

    A request that meets a server that is busy or away is sent again, with the same command id, for
    up to `deadline_s` seconds. What this client wrote, it also reads. `api_key` is the credential;
    without it that of PENSTOCK_API_KEY is taken. Without a `tenant` it is the one that the key is
    for, or `default`. `transport` is what carries the requests in place
    of a connection, as in `penstock.testing`.

    >>> with Client(url) as mine:
    ...     mine.run(greeting, name="Ada").result(timeout=30)
    'Hello, Ada'
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        tenant: str | None = None,
        deadline_s: float = 30.0,
        api_key: str | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        super().__init__(Blocking(url or url_default(), tenant, deadline_s, api_key, transport))

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self.connection.close()

    @overload
    def run(
        self,
        workflow: Workflow[..., R],
        inputs: Mapping[str, Any] | None = None,
        /,
        *,
        wf_run_id: str | None = None,
        version: int | None = None,
        labels: Mapping[str, str] | None = None,
        parent: str | None = None,
        **variables: Any,
    ) -> RunHandle[R]: ...
    @overload
    def run(
        self,
        workflow: str,
        inputs: Mapping[str, Any] | None = None,
        /,
        *,
        wf_run_id: str | None = None,
        version: int | None = None,
        labels: Mapping[str, str] | None = None,
        parent: str | None = None,
        **variables: Any,
    ) -> RunHandle[Any]: ...
    def run(
        self,
        workflow: Workflow[..., Any] | str,
        inputs: Mapping[str, Any] | None = None,
        /,
        *,
        wf_run_id: str | None = None,
        version: int | None = None,
        labels: Mapping[str, str] | None = None,
        parent: str | None = None,
        **variables: Any,
    ) -> RunHandle[Any]:
        """Start a run. With an id of your own it is idempotent: the same start again is the same
        run, and starts none for a day if that has been deleted. Variables are named, or given as
        a mapping. Below a `parent` the run's id is `<parent>.<wf_run_id>`.

        >>> client.run(greeting, name="Ada", wf_run_id="greeting-1").result(timeout=30)
        'Hello, Ada'
        >>> client.run("greeting", {"name": "Ada"}, wf_run_id="greeting-1")
        <run greeting-1>
        """
        whole_id = self.connection.do(
            self._start(
                workflow,
                {**(inputs or {}), **variables},
                wf_run_id=wf_run_id,
                version=version,
                labels=labels,
                parent=parent,
            )
        )
        return RunHandle(self.connection, whole_id, _return_hint(workflow))

    def handle(self, wf_run_id: str) -> RunHandle[Any]:
        """A handle of a run that was started elsewhere.

        >>> client.handle("greeting-1")
        <run greeting-1>
        """
        return RunHandle(self.connection, wf_run_id)


class AsyncClient(ClientBase[Awaiting]):
    """What Client is, awaited. Close it, or use it in an `async with`.

    The same methods: what gives an answer there is awaited here, and what gives an iterator there
    is one for `async for` here.

    >>> async def main() -> str:
    ...     async with AsyncClient(url) as ours:
    ...         run = await ours.run(greeting, name="Ada")
    ...         return await run.result(timeout=30)
    >>> asyncio.run(main())
    'Hello, Ada'
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        tenant: str | None = None,
        deadline_s: float = 30.0,
        api_key: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(Awaiting(url or url_default(), tenant, deadline_s, api_key, transport))

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self.connection.close()

    @overload
    async def run(
        self,
        workflow: Workflow[..., R],
        inputs: Mapping[str, Any] | None = None,
        /,
        *,
        wf_run_id: str | None = None,
        version: int | None = None,
        labels: Mapping[str, str] | None = None,
        parent: str | None = None,
        **variables: Any,
    ) -> AsyncRunHandle[R]: ...
    @overload
    async def run(
        self,
        workflow: str,
        inputs: Mapping[str, Any] | None = None,
        /,
        *,
        wf_run_id: str | None = None,
        version: int | None = None,
        labels: Mapping[str, str] | None = None,
        parent: str | None = None,
        **variables: Any,
    ) -> AsyncRunHandle[Any]: ...
    async def run(
        self,
        workflow: Workflow[..., Any] | str,
        inputs: Mapping[str, Any] | None = None,
        /,
        *,
        wf_run_id: str | None = None,
        version: int | None = None,
        labels: Mapping[str, str] | None = None,
        parent: str | None = None,
        **variables: Any,
    ) -> AsyncRunHandle[Any]:
        """See Client."""
        whole_id = await self.connection.do(
            self._start(
                workflow,
                {**(inputs or {}), **variables},
                wf_run_id=wf_run_id,
                version=version,
                labels=labels,
                parent=parent,
            )
        )
        return AsyncRunHandle(self.connection, whole_id, _return_hint(workflow))

    def handle(self, wf_run_id: str) -> AsyncRunHandle[Any]:
        """A handle of a run that was started elsewhere."""
        return AsyncRunHandle(self.connection, wf_run_id)


def _return_hint(workflow: Workflow[..., Any] | str) -> Any:
    return workflow.return_hint if isinstance(workflow, Workflow) else hints.UNKNOWN
