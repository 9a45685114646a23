"""The simulator's program: `python -m tests.sim --seeds 1000 --first 0`; one seed alone tells more:
`python -m tests.sim --seed 17`.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import subprocess
import sys
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field

from tests.sim.world import World

SAID_SHOWN = 25


@dataclass
class Life:
    """What came of a seed."""

    seed: int
    failure: str | None = None
    records: int = 0
    runs: int = 0
    crashes: dict[str, int] = field(default_factory=dict)


def live(seed: int) -> Life:
    """Live through a world; a failure is told with how to repeat it."""
    world = World(seed)
    life = Life(seed)
    try:
        world.live()
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        life.failure = _report(world, error)
    life.records = sum(world._ends())
    life.runs = len(world.clients.runs)
    life.crashes = world.chance.crashes
    return life


def _report(world: World, error: BaseException) -> str:
    trace = "".join(traceback.format_exception(error)[-6:])
    said = "\n".join(f"    {line}" for line in world.said[-SAID_SHOWN:])
    return (
        f"seed {world.seed} at commit {_commit()}: {type(error).__name__}: {error}\n"
        f"  repeat it: python -m tests.sim --seed {world.seed}\n"
        f"  the last that happened:\n{said}\n{trace}"
    )


def _commit() -> str:
    asked = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() or "unknown"


def main() -> int:
    """Live through the seeds, on all cores; 1 if one of them failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim")
    parser.add_argument("--seeds", type=int, default=100, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first one")
    parser.add_argument("--seed", type=int, help="this one alone")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    seeds = range(asked.first, asked.first + asked.seeds)
    if asked.seed is not None:
        seeds = range(asked.seed, asked.seed + 1)
    started_s = time.monotonic()
    lives: list[Life] = []
    quiet = (logging.CRITICAL,)
    with multiprocessing.Pool(min(asked.jobs, len(seeds)), logging.disable, quiet) as pool:
        for life in pool.imap_unordered(live, seeds, chunksize=4):
            lives.append(life)
            if life.failure:
                print(life.failure, file=sys.stderr, flush=True)
    _summary(lives, time.monotonic() - started_s)
    return int(any(life.failure for life in lives))


def _summary(lives: list[Life], took_s: float) -> None:
    failed = sorted(life.seed for life in lives if life.failure)
    crashes: Counter[str] = Counter()
    for life in lives:
        crashes.update(life.crashes)
    print(
        f"seeds {len(lives) - len(failed)}/{len(lives)} in {took_s:.1f} s"
        f" ({len(lives) / took_s:.1f}/s): {sum(life.runs for life in lives)} runs,"
        f" {sum(life.records for life in lives)} records,"
        f" crashes {dict(sorted(crashes.items()))}"
    )
    if failed:
        print(f"failed: {failed[:50]}")


if __name__ == "__main__":
    sys.exit(main())
