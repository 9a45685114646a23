"""Kill servers for a while, and say what came of it: see soak.py."""

from __future__ import annotations

import argparse
import secrets
import tempfile
from pathlib import Path

from tests.chaos.scene import Scene
from tests.chaos.soak import KILL_GAP_S_MAX, OPTIONS, STOP_GAP_S_MAX, soak
from tests.kafka_broker import running_kafka

NODES = 3


def main() -> int:
    """0 if nothing was lost or done twice, and no gap was too long."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="for how long (%(default)s)")
    options = parser.parse_args()
    with running_kafka() as kafka, tempfile.TemporaryDirectory() as folder:
        cluster = f"soak-{secrets.token_hex(4)}"
        scene = Scene(Path(folder), [kafka] * NODES, cluster, more=OPTIONS)
        try:
            outcome = soak(scene, options.seconds, lambda **_: None)
        finally:
            for node in scene.nodes:
                if node.is_running():
                    node.kill()
    print(*outcome.told(), sep="\n")
    short = max(outcome.kill_gaps_s) < KILL_GAP_S_MAX, max(outcome.stop_gaps_s) < STOP_GAP_S_MAX
    return 0 if all(short) else 1


if __name__ == "__main__":
    raise SystemExit(main())
