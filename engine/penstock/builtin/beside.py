"""A built-in worker in the process of a server, for `penstock dev`. It reaches the server over
HTTP, as it would from anywhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Lock, Thread
from typing import Final

from penstock.builtin.worker import CannotWork, make_tasks, make_worker, register
from penstock.config import BuiltinConfig
from penstock.sdk.errors import PenstockError
from penstock.sdk.worker import Worker

SLOTS: Final = 10
GRACE_S: Final = 2.0
REGISTER_DEADLINE_S: Final = 10.0
TENANT: Final = "default"


class BesideServer:
    """See server.Beside. What keeps it from working is told, and does not stop the server."""

    def __init__(self, config: BuiltinConfig, tell: Callable[[str], None]) -> None:
        self._config = config
        self._tell = tell
        self._lock = Lock()
        self._stopping = Event()
        self._worker: Worker | None = None

    def start(self, url: str) -> None:
        """Register and begin, in a thread."""
        Thread(target=self._start, args=(url,), name="penstock-builtin", daemon=True).start()

    def stop(self) -> None:
        """End it, in a thread."""
        self._stopping.set()
        Thread(target=self._stop, name="penstock-builtin-stop", daemon=True).start()

    def _start(self, url: str) -> None:
        try:
            tasks = make_tasks(self._config)
            register(tasks, url, tenant=TENANT, deadline_s=REGISTER_DEADLINE_S)
            with self._lock:
                if self._stopping.is_set():
                    return
                self._worker = make_worker(tasks, url, tenant=TENANT, slots=SLOTS)
                self._worker.start()
        except (CannotWork, PenstockError) as error:
            if not self._stopping.is_set():
                self._tell(f"penstock: the built-in worker does not run: {error}")

    def _stop(self) -> None:
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.stop(grace_s=GRACE_S)
