"""Kill servers for a while, and say what came of it: see soak.py."""

from __future__ import annotations

import argparse
import secrets
import tempfile
from pathlib import Path

from tests.chaos.scene import Scene
from tests.chaos.soak import KILL_GAP_S_MAX, OPTIONS, STOP_GAP_S_MAX, STOPS, soak
from tests.kafka_broker import running_kafka

NODES = 3


def main() -> int:
    """0 if nothing was lost or done twice, and no gap was too long."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="for how long (%(default)s)")
    parser.add_argument("--stops", type=int, default=STOPS, help="clean stops (%(default)s)")
    parser.add_argument("--folder", type=Path, help="keep there what the servers have and say")
    options = parser.parse_args()
    with running_kafka() as kafka, tempfile.TemporaryDirectory() as folder:
        cluster = f"soak-{secrets.token_hex(4)}"
        where = options.folder or Path(folder)
        scene = Scene(where, [kafka] * NODES, cluster, more=OPTIONS)
        try:
            outcome = soak(scene, options.seconds, lambda **_: None, options.stops)
        finally:
            for node in scene.nodes:
                if node.is_running():
                    node.kill()
    print(*outcome.told(), sep="\n")
    kills_are_short = max(outcome.kill_gaps_s, default=0.0) < KILL_GAP_S_MAX
    stops_are_short = max(outcome.stop_gaps_s, default=0.0) < STOP_GAP_S_MAX
    return 0 if kills_are_short and stops_are_short else 1


if __name__ == "__main__":
    raise SystemExit(main())
