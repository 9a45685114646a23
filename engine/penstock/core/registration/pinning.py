"""Pinning: a spec that is registered names a version of whatever has versions, so that its runs do
not change when a newer one comes.
"""

from __future__ import annotations

from msgspec.structs import replace

from penstock.core.definitions.wf_spec import SpecBody
from penstock.core.nodes import TYPE_OF
from penstock.core.state.rows import Rows


def pinned(body: SpecBody, rows: Rows, tenant: str) -> SpecBody:
    """The spec with the versions that it leaves open: the newest ones now."""
    threads = {
        name: replace(
            thread,
            nodes={
                node: TYPE_OF[type(config)].pin(config, rows, tenant)
                for node, config in thread.nodes.items()
            },
        )
        for name, thread in body.threads.items()
    }
    return replace(body, threads=threads)
