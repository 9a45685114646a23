"""How an HTTP client reaches a server: with which credential, and how the two know each other.

Rule: every HTTP client of the SDK and of the command line is made with `options`, so that a key and
certificates that stand in the environment are everybody's.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from penstock.config import api_key_default, client_context, client_tls_default
from penstock.sdk.api import checked_url, uses_proxy


def options(url: str, api_key: str | None = None) -> dict[str, Any]:
    """Arguments of an httpx client for the server at `url`; without a key, that of the environment,
    if there is one.
    """
    found: dict[str, Any] = {"base_url": checked_url(url), "trust_env": uses_proxy(url)}
    key = api_key or api_key_default()
    if key is not None:
        found["headers"] = {"Authorization": f"Bearer {key}"}
    if urlsplit(url).scheme == "https":
        found["verify"] = client_context(client_tls_default())
    return found
