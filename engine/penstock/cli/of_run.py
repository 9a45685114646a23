"""Verbs about one run that a server is asked, or a data directory or Kafka without one."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from penstock.cli.words import add_kafka, add_server, kafka_of, kafka_settings_of
from penstock.config import CLUSTER_DEFAULT, Config
from penstock.core.errors import Reject
from penstock.core.ids import is_kebab, is_wf_run_id
from penstock.processor.directory import CannotStart, listening
from penstock.sdk import api
from penstock.sdk.client import Client
from penstock.sdk.errors import error_of

if TYPE_CHECKING:
    from penstock.processor.past import Past

T = TypeVar("T")

WAIT_S: Final = 60.0
"""The log may have to be folded for an answer."""


def add_run(parser: argparse.ArgumentParser) -> None:
    """Which run, and where it is looked for."""
    parser.add_argument("wf_run_id", type=_run_id, metavar="WF_RUN_ID")
    add_server(parser)
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="look into a data directory, not at --url"
    )
    add_kafka(parser, required=False, default=None)
    parser.add_argument(
        "--cluster", type=_cluster, default=CLUSTER_DEFAULT, metavar="NAME", help="(%(default)s)"
    )


def asked(
    options: argparse.Namespace,
    online: Callable[[Client], T],
    offline: Callable[[Past, int], T],
) -> T:
    """The answer of a server; or, if a directory or Kafka is named, what its past says. A server
    that has the directory is asked in place of it. Raises PenstockError, CannotStart, StoreError.
    """
    if options.data is None and options.kafka is None:
        return _online(options, options.url, online)
    from penstock.cli.offline import opened
    from penstock.gateway.errors import STATUS_OF, ApiError
    from penstock.processor.past_records import PastUnknown

    config = Config(
        data=options.data or Path(),
        kafka=kafka_of(options),
        kafka_settings=kafka_settings_of(options),
        cluster=options.cluster,
    )
    try:
        with opened(config, has_data=options.data is not None) as there:
            return offline(*there.past_of(options.wf_run_id))
    except CannotStart:
        url = None if options.data is None else listening(options.data)
        if url is None:
            raise
        return _online(options, url, online)
    except ApiError as error:
        raise error_of(error.status, error.code, error.message) from error
    except Reject as error:
        raise error_of(STATUS_OF[error.code], error.code, error.message) from error
    except PastUnknown as error:
        raise CannotStart(str(error)) from error


def _online(options: argparse.Namespace, url: str, online: Callable[[Client], T]) -> T:
    with Client(url, tenant=options.tenant, deadline_s=options.within) as client:
        return online(client)


def read(client: Client, wf_run_id: str, below: str, **params: Any) -> Any:
    """What a route below a run says."""
    path = f"/v1/wf-runs/{wf_run_id}{below}"
    call = api.Call(method="GET", path=path, params=params, wait_s=WAIT_S)
    return client.call(call).body


def plain(value: Any) -> Any:
    """As it comes over HTTP."""
    import msgspec

    return msgspec.json.decode(msgspec.json.encode(value))


def _run_id(text: str) -> str:
    if not is_wf_run_id(text):
        raise argparse.ArgumentTypeError(
            f"{text[:80]!r} is no id of a run: letters, digits, '_', '-', parts divided by '.'"
        )
    return text


def _cluster(text: str) -> str:
    if not is_kebab(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not kebab-case of 1-40 characters")
    return text
