"""What a server or a built-in worker is started with. The one place that reads the environment; the
command line goes before it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

PORT_DEFAULT: Final = 7070
HOST_DEFAULT: Final = "127.0.0.1"
CLUSTER_DEFAULT: Final = "penstock"
PARTITIONS_DEFAULT: Final = 4
SESSION_TIMEOUT_MS_DEFAULT: Final = 10_000
DATA_DEFAULT: Final = ".penstock"
SNAPSHOT_EVERY_S_DEFAULT: Final = 600.0
SNAPSHOTS_KEPT_DEFAULT: Final = 2
DISK_FREE_MIB_DEFAULT: Final = 256
IN_FLIGHT_MAX_DEFAULT: Final = 2_000
LAG_MAX_DEFAULT: Final = 20_000
DRAIN_NOTICE_S_DEFAULT: Final = 1.0
LOG_FORMATS: Final = ("text", "json")

DATA_VARIABLE: Final = "PENSTOCK_DATA"
KAFKA_VARIABLE: Final = "PENSTOCK_KAFKA"
SNAPSHOTS_VARIABLE: Final = "PENSTOCK_SNAPSHOTS"
SECRET_PREFIX: Final = "PENSTOCK_SECRET_"
LOG_LEVEL_VARIABLE: Final = "PENSTOCK_LOG_LEVEL"
LOG_FORMAT_VARIABLE: Final = "PENSTOCK_LOG_FORMAT"
TRACING_VARIABLE: Final = "PENSTOCK_TRACING"
TRACING: Final = ("global", "console")
SECRETS_VARIABLE: Final = "PENSTOCK_SECRETS"
ALLOW_VARIABLE: Final = "PENSTOCK_ALLOW"
ALLOW_PORTS_VARIABLE: Final = "PENSTOCK_ALLOW_PORTS"


class Config(Struct, frozen=True, kw_only=True):
    """A server: `kafka` is the brokers' address, or None for the embedded log.

    Without `port` the default one is taken, or a free one if that is in use; without `partitions` a
    log that exists says how many it has. `advertise` is where other nodes reach this one, if that
    is not where it listens. With `own` these partitions are its own, whoever else there is, and
    `peers` says where the owners of the others listen. `snapshots` is where they are kept, a
    directory or s3://bucket/prefix. `drain_notice_s` is how long a server that
    is to stop still listens, and says at /readyz that it will. `standbys` is how many nodes fold a
    partition beside its owner.
    """

    data: Path
    kafka: str | None = None
    kafka_settings: Mapping[str, str] = {}
    cluster: str = CLUSTER_DEFAULT
    partitions: int | None = None
    host: str = HOST_DEFAULT
    port: int | None = None
    fresh: bool = False
    sync: bool = False
    adopt_log: bool = False
    failpoints: str = ""
    session_timeout_ms: int = SESSION_TIMEOUT_MS_DEFAULT
    advertise: str | None = None
    own: tuple[int, ...] | None = None
    peers: Mapping[int, str] = {}
    snapshots: str | None = None
    snapshot_every_s: float = SNAPSHOT_EVERY_S_DEFAULT
    snapshot_records: int | None = None
    snapshots_kept: int = SNAPSHOTS_KEPT_DEFAULT
    truncate_log: bool = False
    disk_free_mib: int = DISK_FREE_MIB_DEFAULT
    in_flight_max: int = IN_FLIGHT_MAX_DEFAULT
    lag_max: int = LAG_MAX_DEFAULT
    drain_notice_s: float = 0.0
    metrics_names: bool = False
    standbys: int = 0


class BuiltinConfig(Struct, frozen=True, kw_only=True):
    """The worker of the engine's own tasks: the file with its secrets; the hosts, addresses and
    networks beside the internet, and the ports beside 80 and 443, that its requests may go to; and
    how long one may take.
    """

    secrets: Path | None = None
    allow: tuple[str, ...] = ()
    allow_ports: tuple[str, ...] = ()
    timeout_s: float = 20.0


def data_default() -> Path:
    """Where data is kept if nothing is said."""
    return Path(os.environ.get(DATA_VARIABLE) or DATA_DEFAULT)


def kafka_default() -> str | None:
    """Which Kafka to use if nothing is said."""
    return os.environ.get(KAFKA_VARIABLE) or None


def snapshots_default() -> str | None:
    """Where snapshots are kept if nothing is said."""
    return os.environ.get(SNAPSHOTS_VARIABLE) or None


def builtin_default() -> BuiltinConfig:
    """How the built-in worker works if nothing is said; lists have commas between."""
    secrets = os.environ.get(SECRETS_VARIABLE)
    return BuiltinConfig(
        secrets=Path(secrets) if secrets else None,
        allow=_listed(ALLOW_VARIABLE),
        allow_ports=_listed(ALLOW_PORTS_VARIABLE),
    )


def _listed(variable: str) -> tuple[str, ...]:
    items = os.environ.get(variable, "").split(",")
    return tuple(item.strip() for item in items if item.strip())


def secret_of(name: str) -> str | None:
    """The secret of a name that a worker has in its environment."""
    return os.environ.get(SECRET_PREFIX + name.upper())


def log_level() -> str:
    """From which level on log lines are written."""
    return (os.environ.get(LOG_LEVEL_VARIABLE) or "WARNING").upper()


def log_format_default() -> str:
    """How log lines are written if nothing is said; what is unknown is text."""
    given = os.environ.get(LOG_FORMAT_VARIABLE, "")
    return given if given in LOG_FORMATS else LOG_FORMATS[0]


def tracing_default() -> str:
    """Where spans go: `global`, to what the process has set up, `console`, or nowhere."""
    given = os.environ.get(TRACING_VARIABLE, "")
    return given if given in TRACING else ""
