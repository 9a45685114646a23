"""A network that a test cuts: a way to a broker's listener that carries bytes until it is told not
to. While it is cut nothing is closed or refused: bytes do not arrive, as when packets are lost.
"""

from __future__ import annotations

import contextlib
import socket
import threading

CHUNK = 65_536


class Way:
    """Listens on `port` of this machine and carries each connection on to `to`."""

    def __init__(self, port: int, to: int) -> None:
        self._to = to
        self._open = threading.Event()
        self._open.set()
        self._closing = False
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Nothing arrives any more, in either direction."""
        self._open.clear()

    def heal(self) -> None:
        """What was on its way arrives; connections go on."""
        self._open.set()

    def close(self) -> None:
        """End all connections."""
        self._closing = True
        self._open.set()
        self._listener.close()
        for end in self._ends:
            _end(end)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while not self._closing:
                near, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near: socket.socket) -> None:
        self._open.wait()
        try:
            far = socket.create_connection(("127.0.0.1", self._to))
        except OSError:  # the broker is away
            _end(near)
            return
        self._ends += [near, far]
        for source, target in ((near, far), (far, near)):
            with contextlib.suppress(OSError):  # it may have ended meanwhile
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                self._open.wait()
                target.sendall(data)
        self._open.wait()  # nor does an end arrive
        _end(source)
        _end(target)


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
