"""Two nodes in this process, on one Kafka, each with partitions of its own: so that a test can look
at the rows of both.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from penstock.config import Config, Tls
from penstock.gateway.load import Limits
from penstock.gateway.serve import http_server, url_of
from penstock.server import parts
from tests.gateway.served import PARTITIONS, START_S, Served, wait_until

OWN = ((0, 2), (1,))
assert sorted(number for own in OWN for number in own) == list(range(PARTITIONS))


@contextmanager
def pair(
    folder: Path, kafka: str, cluster: str, limits: Limits | None = None, **config: Any
) -> Iterator[list[Served]]:
    """Serve with both until the block ends."""
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in OWN]
        urls = [url_of(one) for one in listeners]
        served: list[Served] = []
        for at, own in enumerate(OWN):
            peers = dict.fromkeys(OWN[1 - at], urls[1 - at])
            settings = Config(
                data=folder / f"node-{at}",
                kafka=kafka,
                cluster=cluster,
                partitions=PARTITIONS,
                own=own,
                peers=peers,
                **config,
            )
            settings.data.mkdir(parents=True)
            made = stack.enter_context(parts(settings, url=urls[at], limits=limits))
            server = http_server(made.app, Tls())
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listeners[at]]})
            thread.start()
            stack.callback(thread.join, START_S)
            stack.callback(setattr, server, "should_exit", True)
            one = Served(made, urls[at], Tls())
            stack.callback(one.http.close)
            served.append(one)
        for one, own in zip(served, OWN, strict=True):
            wait_until(lambda one=one, own=own: set(one.made.processor.owned()) == set(own))
        yield served
