"""A server from its start to its end: signals, readiness, draining."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Sequence
from itertools import count
from typing import Final, Protocol

from penstock.config import PORT_DEFAULT, URL_VARIABLE, Config
from penstock.core.errors import Outdated
from penstock.gateway.app import drain
from penstock.gateway.pages import UI, is_built
from penstock.gateway.readiness import unanswered
from penstock.gateway.serve import (
    HttpServer,
    http_server,
    is_loopback,
    listen,
    loop_factory,
    url_of,
)
from penstock.gateway.web import Gateway
from penstock.processor.directory import (
    Belongs,
    CannotStart,
    clear,
    locked,
    set_listening,
)
from penstock.processor.processor import Processor
from penstock.server.opening import (
    lock_wait_s,
)
from penstock.server.parts import Parts, parts
from penstock.server.tuning import tune

NO_PAGES: Final = (
    "the dashboard is not built in this checkout: make ui builds it (Node 20 or newer)"
)
LOOK_S: Final = 0.1


class Beside(Protocol):
    """What runs in a server's process beside it, and reaches it as others do."""

    def start(self, url: str) -> None:
        """The server is ready. Returns at once."""
        ...

    def stop(self) -> None:
        """The server is about to stop. Returns at once; may be called more than once."""
        ...


def run(config: Config, tell: Callable[[str], None], beside: Sequence[Beside] = ()) -> int:
    """Run a server until a signal ends it; the exit code. Raises CannotStart or a LogError before
    it runs.
    """
    tune()
    with locked(config.data, lock_wait_s(config)), _socket(config) as listener:
        set_listening(config.data, None)  # what a killed server said does not hold any more
        if config.fresh:
            clear(config.data)
        url = url_of(listener, tls=config.tls.cert is not None)
        with parts(config, url=config.advertise or url) as made:
            server = _server(made, config)
            _tell_what_runs(config, made.belongs, url, tell)

            def ready() -> None:
                set_listening(config.data, url)
                tell("ready; Ctrl-C stops")
                for one in beside:
                    one.start(url)

            def stopping() -> None:
                for one in beside:
                    one.stop()

            try:
                with asyncio.Runner(loop_factory=loop_factory()) as runner:
                    notice_s = config.drain_notice_s
                    serving = _serve(made, server, listener, tell, ready, stopping, notice_s)
                    return runner.run(serving)
            finally:
                set_listening(config.data, None)


def _socket(config: Config) -> socket.socket:
    """A listening socket; a free port is taken in place of the default one only."""
    ports = [PORT_DEFAULT, 0] if config.port is None else [config.port]
    try:
        return listen(config.host, ports)
    except OSError as error:
        raise CannotStart(
            f"can not listen on {config.host}:{ports[-1]}: {error.strerror}"
        ) from error


def _server(made: Parts, config: Config) -> HttpServer:
    try:
        return http_server(made.app, config.tls, config.connections_max)
    except OSError as error:
        raise CannotStart(f"the TLS certificates can not be used: {error}") from error


def _tell_what_runs(
    config: Config, belongs: Belongs, url: str, tell: Callable[[str], None]
) -> None:
    log = f"Kafka at {config.kafka}" if config.kafka else f"embedded, in {config.data / 'log'}"
    tell(f"penstock, cluster {belongs.cluster}")
    tell(f"  http    {url}")
    if config.kafka is None and config.port is None and not url.endswith(f":{PORT_DEFAULT}"):
        tell(f"          {PORT_DEFAULT} is taken; in other terminals: export {URL_VARIABLE}={url}")
    tell(f"  pages   {url + UI if is_built() else NO_PAGES}")
    tell(f"  log     {log}, {belongs.partitions} partitions")
    tell(f"  stores  {config.data / 'stores'}")
    if config.auth:
        others = config.admin_key or config.oidc
        known = "" if others else " that was made before; --admin-key-file makes the first"
        tell(f"  auth    callers need a credential{known}")
    elif not is_loopback(config.host):
        tell(
            f"penstock: WARNING: whoever reaches {config.host} may do everything: nobody is asked"
            " for a credential; listen on 127.0.0.1, or use --auth on"
        )
    if config.snapshots is not None:
        tell(f"  snapshots in {config.snapshots}, every {config.snapshot_every_s:g} s")


async def _serve(
    made: Parts,
    server: HttpServer,
    listener: socket.socket,
    tell: Callable[[str], None],
    ready: Callable[[], None],
    stopping: Callable[[], None],
    notice_s: float,
) -> int:
    """Serve until a signal, or until the processor can not go on.

    A signal, or POST /v1/drain, drains: readiness is red at once; for `notice_s` whoever sends
    requests here may see it; then no connection is taken any more, and those that are there have
    DRAIN_S to end. If there are other nodes they get the partitions at once; else these are let go
    of when this has returned. A second signal waits for nothing.
    """
    loop = asyncio.get_running_loop()
    gateway: Gateway = made.app.state.gateway
    handing: list[asyncio.Task[None]] = []

    def stop_listening() -> None:
        server.should_exit = True

    def stop() -> None:
        if gateway.load.draining:
            return
        stopping()
        drain(gateway)
        handing.append(loop.create_task(_hand_over_to_others(made)))
        if made.processor.failure is None and notice_s > 0:
            loop.call_later(notice_s, stop_listening)
        else:
            stop_listening()

    signals = count(1)

    def signalled() -> None:
        if next(signals) > 1:
            server.force_exit = server.should_exit = True
        stop()

    made.app.state.stop = stop
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, signalled)
    looking = [
        loop.create_task(_tell_when_open(made, tell, ready)),
        loop.create_task(_stop_when_failed(made.processor, stop)),
    ]
    await server.serve(sockets=[listener])
    for task in looking:
        task.cancel()
    await asyncio.gather(*handing)
    failure = made.processor.failure
    if failure is not None:
        told = failure if isinstance(failure, Outdated) else repr(failure)
        tell(f"penstock: the processor has stopped: {told}")
        return 1
    return 0


async def _tell_when_open(
    made: Parts, tell: Callable[[str], None], ready: Callable[[], None]
) -> None:
    """Wait until all partitions are open, here or with others."""
    while await unanswered(made.app.state.gateway):
        await asyncio.sleep(LOOK_S)
    for number, stopped in sorted(made.processor.stopped.items()):
        tell(f"penstock: partition {number} is stopped: {stopped}")
    ready()


async def _hand_over_to_others(made: Parts) -> None:
    """Let the others have the partitions while requests come to their end: what is under way goes
    on there. Until they have gone new work is taken for them, for nobody else can. Whoever is alone
    keeps them until nobody asks any more.
    """
    gateway: Gateway = made.app.state.gateway
    nodes = gateway.forwarder.nodes
    try:
        if nodes is None or made.hand_over is None:
            return
        if (await nodes.look()).members - {nodes.here}:
            await asyncio.to_thread(made.hand_over)
    finally:
        gateway.load.turns_away = True


async def _stop_when_failed(processor: Processor, stop: Callable[[], None]) -> None:
    """Stop all when the processor can not go on."""
    while processor.failure is None:
        await asyncio.sleep(LOOK_S)
    stop()
