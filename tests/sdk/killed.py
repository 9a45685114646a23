"""A worker that begins tasks and ends none, in a process of its own: to be killed."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from penstock import Worker, task, workflow

HEARTBEAT_S = 5.0
HANDED_OVER_S = 15.0
SLOTS = 40
_begun: list[Path] = []


def _begin(number: int) -> None:
    """In the worker that is to be killed: say so, and go on for long."""
    for path in _begun:
        with path.open("a") as file:
            file.write(f"{number}\n")
        time.sleep(600)


@task(max_attempts=2)
def kk_unsaid(number: int) -> float:
    _begin(number)
    return time.time()


@task(max_attempts=3, heartbeat=HEARTBEAT_S)
def kk_said(number: int) -> float:
    _begin(number)
    return time.time()


@task(max_attempts=2, timeout=HANDED_OVER_S)
def kk_handed_over(number: int) -> float:
    _begin(number)
    return time.time()


@workflow
def kk_briefly(number: int) -> float:
    return kk_unsaid(number)


@workflow
def kk_for_long(number: int) -> float:
    return kk_said(number)


@workflow
def kk_in_two_hands(number: int) -> float:
    return kk_handed_over(number)


def main() -> None:
    """Work until killed; tasks are said to have been started after so long."""
    url, path, started_after_s = sys.argv[1:]
    _begun.append(Path(path))
    tasks = kk_unsaid, kk_said, kk_handed_over
    Worker(*tasks, url=url, slots=SLOTS, started_after_s=float(started_after_s)).run()


if __name__ == "__main__":
    main()
