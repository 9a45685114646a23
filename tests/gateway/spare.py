"""A node that owns nothing beside one that owns all: what it can not look up, it has to ask for."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from starlette.applications import Starlette

from penstock.gateway.app import make_app
from penstock.gateway.auth import Security
from penstock.gateway.load import Limits
from penstock.gateway.nodes import FixedOwners, Nodes
from penstock.gateway.serve import http_server, url_of
from penstock.gateway.web import Gateway
from penstock.processor.processor import Processor
from penstock.processor.recovery import Opener
from penstock.store.memory import MemoryStores
from tests.gateway.keys import ADMIN_KEY
from tests.gateway.served import PARTITIONS, START_S, Served, wait_until

TIMEOUT_S = 1.0


class Spare:
    """It runs in this process, too."""

    def __init__(self, app: Starlette, url: str) -> None:
        self.url = url
        self.gateway: Gateway = app.state.gateway

    def with_key(self, key: str | None) -> httpx.Client:
        """A client with a credential, or none."""
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return httpx.Client(base_url=self.url, timeout=30.0, headers=headers)


def processor_of_nothing(owner: Served) -> Processor:
    """It reads the same log, and is assigned nothing of it."""
    made = owner.made
    opener = Opener(
        log=made.log,
        avro=made.avro,
        topics=made.topics,
        stores=MemoryStores(),
        lock_wait_s=0.0,
        adopt_log=False,
    )
    return Processor(log=made.log, avro=made.avro, topics=made.topics, opener=opener)


@contextmanager
def spare_beside(
    owner: Served, data: Path, *peers: str, security: Security | None = None
) -> Iterator[Spare]:
    """Serve until the block ends; the partitions are at these addresses, one after the other."""
    at = peers or (owner.url,)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = url_of(listener)
        urls = {number: at[number % len(at)] for number in range(PARTITIONS)}
        app = make_app(
            processor=processor_of_nothing(owner),
            log=owner.made.log,
            avro=owner.made.avro,
            topics=owner.made.topics,
            limits=Limits(answer_timeout_s=TIMEOUT_S),
            nodes=Nodes(FixedOwners(url, frozenset(), urls), url),
            data=data,
            security=security or Security(asks=True, admin_key=ADMIN_KEY),
        )
        server = http_server(app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            wait_until(lambda: server.started)
            yield Spare(app, url)
        finally:
            server.should_exit = True
            thread.join(START_S)
            assert not thread.is_alive(), "the server stops when it is told to"
