"""Clients that start runs all the time through one node, and try again with the same command id."""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from typing import Any

import httpx

CLIENTS = 6
PAUSE_S = 0.02
GIVE_UP_S = 30.0


class Load:
    """What was answered, when, and what was refused on the way."""

    def __init__(self, url: str, wf_spec: str) -> None:
        self.started: list[str] = []
        self.answered_s: list[float] = []
        self.refused: list[tuple[int, str]] = []
        self.slowest_s = 0.0
        self._url = url
        self._body = {"wf_spec": wf_spec}
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(CLIENTS)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()

    def goes_on(self) -> None:
        """Wait until each client has been answered a few times more."""
        wanted, deadline = len(self.answered_s) + 10 * CLIENTS, time.monotonic() + GIVE_UP_S
        while len(self.answered_s) < wanted:
            assert time.monotonic() < deadline, self.refused
            time.sleep(0.02)

    def gap_s(self, since_s: float) -> float:
        """The longest time without any answer since then."""
        times = [since_s, *sorted(at for at in self.answered_s if at > since_s)]
        return max(after - before for before, after in pairwise(times))

    def _run(self, client: int) -> None:
        with httpx.Client(base_url=self._url, timeout=20.0) as http:
            number = 0
            while not self._over.is_set():
                number += 1
                began_s = time.monotonic()
                self.started.append(self._one(http, f"{id(self)}-{client}-{number}"))
                self.answered_s.append(time.monotonic())
                self.slowest_s = max(self.slowest_s, self.answered_s[-1] - began_s)
                time.sleep(PAUSE_S)

    def _one(self, http: httpx.Client, command_id: str) -> str:
        deadline = time.monotonic() + GIVE_UP_S
        while True:
            headers = {"Penstock-Command-Id": command_id}
            response = http.post("/v1/wf-runs", json=self._body, headers=headers)
            if response.is_success:
                run: Any = response.json()["wf_run_id"]
                return run
            self.refused.append((response.status_code, response.json()["error"]["code"]))
            assert response.status_code in (503, 504), response.text
            assert time.monotonic() < deadline, response.text
            time.sleep(0.1)
