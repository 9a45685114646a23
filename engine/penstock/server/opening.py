"""What a configuration asks for, opened or refused: the log, what a data directory belongs to,
where snapshots are kept, who the other nodes are.
"""

from __future__ import annotations

import ssl
from typing import Final
from urllib.parse import urlsplit

from msgspec.structs import replace

from penstock.config import PARTITIONS_DEFAULT, Config, client_context
from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics
from penstock.core.limits import FOLD_VERSION
from penstock.gateway.auth import ADMIN_KEY_CHARS_MIN, Security, TokenVerifier
from penstock.gateway.host_names import Names, name_in
from penstock.gateway.load import Limits
from penstock.gateway.nodes import FixedOwners
from penstock.gateway.serve import is_loopback
from penstock.log.port import EngineLog, Followed, Owners
from penstock.processor.directory import (
    Belongs,
    CannotStart,
    belongs_to,
    staging_in,
)
from penstock.processor.failpoints import Failpoints
from penstock.processor.raising import Known
from penstock.processor.recovery import Opener
from penstock.processor.snapshots.bringing import Place
from penstock.processor.snapshots.parts import open_place
from penstock.processor.snapshots.snapshotter import Schedule
from penstock.processor.standbys import Standbys
from penstock.processor.standing import Roster
from penstock.processor.verdicts import Verdicts
from penstock.store.rocks import RocksStores

DEV_LOCK_WAIT_S: Final = 2.0


def partitions_on_kafka(config: Config) -> int | None:
    """How many partitions the commands topic has, if there is one on Kafka."""
    from penstock.log.kafka.topics import KafkaTopics

    if config.kafka is None:
        return None
    asked = KafkaTopics(config.kafka, config.kafka_settings, None)
    return asked.partitions_of(Topics(config.cluster, 1).commands)


def log_of(config: Config, belongs: Belongs, topics: Topics, url: str = "") -> EngineLog:
    """The log that a data directory belongs to, whatever brokers there are besides."""
    if belongs.embedded or config.kafka is None:
        from penstock.log.embedded import EmbeddedLog

        return EmbeddedLog(
            config.data / "log",
            commands=topics.commands,
            partitions=belongs.partitions,
            on_demand=topics.on_demand,
            sync=config.sync,
        )
    from penstock.log.kafka import KafkaEngineLog, member_name

    return KafkaEngineLog(
        config.kafka,
        commands=topics.commands,
        partitions=belongs.partitions,
        on_demand=topics.on_demand,
        group=_group(belongs),
        settings=config.kafka_settings,
        session_timeout_ms=config.session_timeout_ms,
        assignment=config.own,
        client_id=member_name(url, _ready_for(config)) if url else "",
    )


def belongs_of(config: Config) -> Belongs:
    """What the data directory belongs to; of a new one, what it will."""
    belongs = belongs_to(config.data)
    if belongs is None:
        partitions = partitions_on_kafka(config) or config.partitions or PARTITIONS_DEFAULT
        belongs = Belongs(config.cluster, partitions, config.kafka is None)
    if belongs.embedded != (config.kafka is None):
        other = "an embedded log" if belongs.embedded else "a log on Kafka"
        raise CannotStart(f"{config.data} belongs to {other}; name another directory with --data")
    if belongs.cluster != config.cluster:
        raise CannotStart(
            f"{config.data} belongs to the cluster {belongs.cluster!r}, not {config.cluster!r}"
        )
    foreign = [one for one in (*(config.own or ()), *config.peers) if one >= belongs.partitions]
    if foreign:
        raise CannotStart(
            f"there is no partition {foreign[0]} to own: the log has {belongs.partitions}"
        )
    if config.partitions not in (None, belongs.partitions):
        raise CannotStart(
            f"the log has {belongs.partitions} partitions, not {config.partitions}: their number is"
            " fixed when it is made"
        )
    return belongs


def owners_of(config: Config, belongs: Belongs, topics: Topics, url: str) -> Owners | None:
    """Who knows which node has what; None if there can be no other."""
    if config.kafka is None or not url:
        return None
    if config.own is not None:
        return FixedOwners(url, frozenset(config.own), config.peers)
    from penstock.log.kafka import KafkaOwners

    return KafkaOwners(
        config.kafka,
        settings=config.kafka_settings,
        group=_group(belongs),
        commands=topics.commands,
    )


def _ready_for(config: Config) -> int:
    """The fold version up to which this node lets the log move."""
    return min(FOLD_VERSION, config.fold_version_max or FOLD_VERSION)


def known_of(config: Config, owners: Owners | None) -> Known:
    """Which fold version all nodes know. With fixed partitions no node knows the others: there the
    configuration says it.
    """
    if config.own is not None:
        return lambda: config.fold_version_max
    if owners is None:
        return lambda: _ready_for(config)
    return lambda: owners.ask().fold_version


def standbys_of_node(
    config: Config, owners: Owners | None, url: str, log: EngineLog, avro: Avro, opener: Opener
) -> Standbys | None:
    """What this node folds beside its owners, if it is to."""
    if owners is None or not config.standbys or not isinstance(log, Followed):
        return None
    return Standbys(
        roster=Roster(owners, url, config.standbys),
        opener=opener,
        follower=log.follower(),
        verdicts=Verdicts(log, avro, Topics(config.cluster, log.partitions)),
    )


def place_of(config: Config) -> Place | None:
    """Where snapshots are kept."""
    if config.snapshots is None:
        return None
    stores = RocksStores(config.data / "stores")
    return open_place(config.snapshots, stores, staging_in(config.data))


def schedule_of(config: Config) -> Schedule:
    """When snapshots are taken."""
    return Schedule(
        every_s=config.snapshot_every_s,
        every_records=config.snapshot_records,
        keep=config.snapshots_kept,
    )


def limits_of(config: Config) -> Limits:
    """The bounds of the gateway."""
    return Limits(
        in_flight_max=config.in_flight_max,
        lag_records_max=config.lag_max,
        streams_max=config.streams_max,
        tenant_streams_max=config.tenant_streams_max,
        waits_max=config.waits_max,
        tenant_waits_max=config.tenant_waits_max,
        searches_max=config.searches_max,
        tenant_searches_max=config.tenant_searches_max,
        blocking_appends=config.sync,
        metrics_names=config.metrics_names,
    )


def security_of(config: Config) -> Security:
    """Whether callers are asked for credentials, and what knows them."""
    known = Security(context=_others(config), certificate_ends_ms=_ends_ms(config))
    if not config.auth:
        return replace(known, names=names_of(config))
    if config.admin_key and len(config.admin_key) < ADMIN_KEY_CHARS_MIN:
        raise CannotStart(
            f"the admin key has {len(config.admin_key)} characters; draw one at random that has"
            f" {ADMIN_KEY_CHARS_MIN} or more"
        )
    return replace(known, asks=True, admin_key=config.admin_key, tokens=_tokens(config))


def names_of(config: Config) -> Names:
    """What a server answers to that asks for no credentials. Raises CannotStart for what is no
    name.
    """
    advertised = urlsplit(config.advertise or "").hostname or ""
    allowed = {name_in(one) for one in config.allow_hosts}
    if "" in allowed:
        raise CannotStart("--allow-host: it has not the form penstock.example")
    return Names(frozenset({name_in(config.host), name_in(advertised)} - {""}), frozenset(allowed))


def _tokens(config: Config) -> TokenVerifier | None:
    """What knows the tokens of the identity provider. Only a server that uses one needs the
    library.
    """
    if config.oidc is None:
        return None
    parts = urlsplit(config.oidc.jwks_url)
    if parts.scheme != "https" and not (
        parts.scheme == "http" and is_loopback(parts.hostname or "")
    ):
        raise CannotStart("--oidc-jwks-url: keys are fetched over https alone")
    from penstock.gateway.oidc import OidcTokens

    return OidcTokens(config.oidc)


def _others(config: Config) -> ssl.SSLContext | None:
    """How this node knows others, and shows that it is one, where they listen with TLS."""
    if config.tls.cert is None:
        return None
    try:
        return client_context(config.tls)
    except OSError as error:
        raise CannotStart(f"the TLS certificates can not be used: {error}") from error


def _ends_ms(config: Config) -> int | None:
    """When our certificate runs out. Only a server that has one needs the library."""
    if config.tls.cert is None:
        return None
    from penstock.gateway.certificates import ends_ms

    return ends_ms(config.tls.cert)


def failpoints_of(armed: str) -> Failpoints:
    """Where the process is to die, in tests."""
    try:
        return Failpoints(armed)
    except ValueError as error:
        raise CannotStart(str(error)) from error


def lock_wait_s(config: Config) -> float:
    """How long to wait for a process that is ending."""
    return DEV_LOCK_WAIT_S if config.kafka is None else config.session_timeout_ms / 1_000


def _group(belongs: Belongs) -> str:
    return f"{belongs.cluster}.engine"
