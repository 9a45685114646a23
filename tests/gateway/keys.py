"""A gateway that asks for credentials, and principals with keys for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from penstock.core.definitions.principals import hash_of_key
from tests.gateway.served import Served, serving

ADMIN_KEY = "an-admin-key-that-is-as-long-as-it-must-be"
SALT = "x" * 24


@contextmanager
def guarded(data: Path, **config: Any) -> Iterator[Served]:
    """Serve, and let nobody in without a credential."""
    with serving(data, auth=True, admin_key=ADMIN_KEY, **config) as served:
        served.http.headers["Authorization"] = f"Bearer {ADMIN_KEY}"
        yield served


def grant(tenant: str, resource: str, action: str, *names: str) -> dict[str, Any]:
    """Leave, as JSON."""
    made = {"tenants": [tenant], "resources": [resource], "actions": [action]}
    return made | ({"names": list(names)} if names else {})


def everything(tenant: str) -> dict[str, Any]:
    """Leave to do all in a tenant."""
    return grant(tenant, "ALL_RESOURCES", "ALL_ACTIONS")


def put_principal(served: Served, name: str, *grants: dict[str, Any]) -> None:
    """Say what a principal may do, everywhere."""
    served.good("PUT", "/v1/principals?wait=all", {"name": name, "grants": list(grants)})


def put_key(served: Served, owner: str, key_id: str, **fields: Any) -> str:
    """A key of a principal, known everywhere."""
    secret = f"secret0of0{key_id}"
    body = {"key_id": key_id, "owner": owner, "salt": SALT}
    body["key_hash"] = hash_of_key(SALT, secret)
    served.good("PUT", "/v1/api-keys?wait=all", body | fields)
    return f"psk_{key_id}_{secret}"


def client_of(served: Served, name: str, *grants: dict[str, Any]) -> httpx.Client:
    """A client of a new principal."""
    put_principal(served, name, *grants)
    return served.with_key(put_key(served, name, f"{name}key00000".replace("-", "")))
