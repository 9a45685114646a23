"""What a server or a built-in worker is started with. The one place that reads the environment; the
command line goes before it.
"""

from __future__ import annotations

import os
import ssl
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
STREAMS_MAX_DEFAULT: Final = 2_000
TENANT_STREAMS_MAX_DEFAULT: Final = 500
WAITS_MAX_DEFAULT: Final = 4_000
TENANT_WAITS_MAX_DEFAULT: Final = 1_000
SEARCHES_MAX_DEFAULT: Final = 64
TENANT_SEARCHES_MAX_DEFAULT: Final = 16
CONNECTIONS_MAX_DEFAULT: Final = 10_000
DRAIN_NOTICE_S_DEFAULT: Final = 1.0
LOG_FORMATS: Final = ("text", "json")

DATA_VARIABLE: Final = "PENSTOCK_DATA"
KAFKA_VARIABLE: Final = "PENSTOCK_KAFKA"
KAFKA_CONFIG_VARIABLE: Final = "PENSTOCK_KAFKA_CONFIG"
SNAPSHOTS_VARIABLE: Final = "PENSTOCK_SNAPSHOTS"
SECRET_PREFIX: Final = "PENSTOCK_SECRET_"
LOG_LEVEL_VARIABLE: Final = "PENSTOCK_LOG_LEVEL"
LOG_FORMAT_VARIABLE: Final = "PENSTOCK_LOG_FORMAT"
TRACING_VARIABLE: Final = "PENSTOCK_TRACING"
TRACING: Final = ("global", "console")
SECRETS_VARIABLE: Final = "PENSTOCK_SECRETS"
ALLOW_VARIABLE: Final = "PENSTOCK_ALLOW"
ALLOW_PORTS_VARIABLE: Final = "PENSTOCK_ALLOW_PORTS"
URL_VARIABLE: Final = "PENSTOCK_URL"
TENANT_VARIABLE: Final = "PENSTOCK_TENANT"
ALLOW_HOSTS_VARIABLE: Final = "PENSTOCK_ALLOW_HOSTS"
API_KEY_VARIABLE: Final = "PENSTOCK_API_KEY"
ADMIN_KEY_VARIABLE: Final = "PENSTOCK_ADMIN_KEY"
CA_VARIABLE: Final = "PENSTOCK_TLS_CA"
CLIENT_CERT_VARIABLE: Final = "PENSTOCK_TLS_CERT"
CLIENT_KEY_VARIABLE: Final = "PENSTOCK_TLS_KEY"

ENVIRONMENT: Final[Mapping[str, str]] = {
    URL_VARIABLE: "The server that clients, workers and the command line ask"
    f" (`http://{HOST_DEFAULT}:{PORT_DEFAULT}`).",
    TENANT_VARIABLE: "The tenant that the command line is about (the credential's only one, else"
    " `default`).",
    DATA_VARIABLE: "The data directory of servers, unless `--data` says so.",
    KAFKA_VARIABLE: "The brokers of servers and of what reads the log, unless `--kafka` says so.",
    KAFKA_CONFIG_VARIABLE: "A file with settings of librdkafka, a line each: for servers, for"
    " workers on Kafka and for `CommandSender`.",
    SNAPSHOTS_VARIABLE: "Where snapshots are kept, unless `--snapshots` says so.",
    f"{SECRET_PREFIX}NAME": "The secret NAME, for tasks that a worker runs.",
    LOG_LEVEL_VARIABLE: "From which level on log lines are written: DEBUG, INFO, WARNING, ERROR or"
    " CRITICAL (`WARNING`).",
    LOG_FORMAT_VARIABLE: "`text` or `json` (`text`), unless `--log-format` says so.",
    TRACING_VARIABLE: "`global` or `console`: where OpenTelemetry spans go; unset, nowhere.",
    SECRETS_VARIABLE: "The file with secrets and credentials of the built-in worker.",
    ALLOW_VARIABLE: "Hosts and networks beside the internet that its requests may go to, with"
    " commas between.",
    ALLOW_PORTS_VARIABLE: "Ports beside 80 and 443 that its requests may go to, with commas"
    " between.",
    ALLOW_HOSTS_VARIABLE: "Names by which a server that asks for no credential is called, with"
    " commas between, unless `--allow-host` says so.",
    API_KEY_VARIABLE: "The key or token with which clients, workers and the command line come.",
    ADMIN_KEY_VARIABLE: "A key that may do all, for a server to begin with.",
    CA_VARIABLE: "The authority whose signature a server's certificate must have, for clients.",
    CLIENT_CERT_VARIABLE: "The certificate that clients show.",
    CLIENT_KEY_VARIABLE: "Its key.",
}
"""What each variable of the environment is for."""


class Tls(Struct, frozen=True, kw_only=True):
    """Certificates, as PEM files: whose signature the other side must have (`ca`; without it, what
    this machine trusts), and what we show. What listens asks its clients for certificates by
    `client_ca`.
    """

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None


def client_context(tls: Tls) -> ssl.SSLContext:
    """What a client goes by: the other side's name and signature are always looked at. Raises
    OSError for files that can not be read, or are no certificates.
    """
    made = ssl.create_default_context(cafile=None if tls.ca is None else str(tls.ca))
    if tls.cert is not None:
        made.load_cert_chain(tls.cert, tls.key)
    return made


class Oidc(Struct, frozen=True, kw_only=True):
    """An identity provider whose tokens are good: who must have made them, for whom, where its
    keys are, and which claim is the name of the principal.
    """

    issuer: str
    audience: str
    jwks_url: str
    claim: str = "sub"


class Config(Struct, frozen=True, kw_only=True):
    """A server: `kafka` is the brokers' address, or None for the embedded log.

    Without `port` the default one is taken, or a free one if that is in use; without `partitions` a
    log that exists says how many it has. `advertise` is where other nodes reach this one, if that
    is not where it listens. With `own` these partitions are its own, whoever else there is, and
    `peers` says where the owners of the others listen. `snapshots` is where they are kept, a
    directory or s3://bucket/prefix. `drain_notice_s` is how long a server that
    is to stop still listens, and says at /readyz that it will. `standbys` is how many nodes fold a
    partition beside its owner. Beyond `fold_version_max` the log does not move, while the build
    that knows no more may have to come back; with `own`, it moves to that one alone. With `auth`
    callers need a credential; `admin_key` is one that may do all, to begin with. Without, it
    answers to `allow_hosts` beside its own names.
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
    streams_max: int = STREAMS_MAX_DEFAULT
    tenant_streams_max: int = TENANT_STREAMS_MAX_DEFAULT
    waits_max: int = WAITS_MAX_DEFAULT
    tenant_waits_max: int = TENANT_WAITS_MAX_DEFAULT
    searches_max: int = SEARCHES_MAX_DEFAULT
    tenant_searches_max: int = TENANT_SEARCHES_MAX_DEFAULT
    connections_max: int = CONNECTIONS_MAX_DEFAULT
    drain_notice_s: float = 0.0
    metrics_names: bool = False
    standbys: int = 0
    fold_version_max: int | None = None
    auth: bool = False
    admin_key: str = ""
    allow_hosts: tuple[str, ...] = ()
    oidc: Oidc | None = None
    tls: Tls = Tls()


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


def kafka_settings_default() -> dict[str, str]:
    """How to talk to Kafka if nothing is said: what is in the file that the environment names.
    Raises OSError, and ValueError for what is no such file.
    """
    path = os.environ.get(KAFKA_CONFIG_VARIABLE)
    return read_kafka_settings(Path(path)) if path else {}


def read_kafka_settings(path: Path) -> dict[str, str]:
    """Settings of librdkafka from a file: a line for each, NAME=VALUE; one that begins with # says
    nothing. What they are is not told in errors: passwords are among them.
    """
    settings: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        name, equals, value = (part.strip() for part in line.partition("="))
        if (not name and not equals) or name.startswith("#"):
            continue
        if not name or not equals:
            raise ValueError(f"{path}, line {number}: it has not the form NAME=VALUE")
        settings[name] = value
    return settings


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


def says(name: str) -> bool:
    """Whether the environment says this."""
    return bool(os.environ.get(name))


def say(values: Mapping[str, str], *, instead: bool = False) -> None:
    """Have the environment of this process say these, too, where it says nothing; or instead."""
    for name, value in values.items():
        if instead or not says(name):
            os.environ[name] = value


def home_of_settings() -> Path:
    """Where a person's own settings are kept. Raises FileNotFoundError for one who has no home, as
    the user of a container.
    """
    try:
        return Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "penstock"
    except RuntimeError:
        said = "this user has no home directory; XDG_CONFIG_HOME says where settings are kept"
        raise FileNotFoundError(said) from None


def url_default() -> str:
    """Which server commands ask, if nothing is said."""
    return os.environ.get(URL_VARIABLE) or f"http://{HOST_DEFAULT}:{PORT_DEFAULT}"


def tenant_default() -> str | None:
    """Whose things commands are about, if nothing is said; None: the credential says so."""
    return os.environ.get(TENANT_VARIABLE) or None


def api_key_default() -> str | None:
    """The credential with which clients and workers come, if nothing is said."""
    return os.environ.get(API_KEY_VARIABLE) or None


def admin_key_default() -> str:
    """The key that a server is started with, if nothing is said."""
    return os.environ.get(ADMIN_KEY_VARIABLE, "").strip()


def allow_hosts_default() -> tuple[str, ...]:
    """To which names a server answers beside its own, if nothing is said."""
    return _listed(ALLOW_HOSTS_VARIABLE)


def client_tls_default() -> Tls:
    """How clients and workers know a server, and what they show it, if nothing is said."""
    names = CA_VARIABLE, CLIENT_CERT_VARIABLE, CLIENT_KEY_VARIABLE
    named = [os.environ.get(one) for one in names]
    ca, cert, key = (Path(one) if one else None for one in named)
    return Tls(ca=ca, cert=cert, key=key)


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
