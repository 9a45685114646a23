"""Tokens of an identity provider (OIDC): which are good, and the principal that each names.

Rules
- Algorithms are a fixed list of signatures by key pairs. A token does not choose: `none` and those
  with a shared secret are not on it, and a key is used for the algorithms of its own kind alone.
- Keys come from the configured address alone, never from where a token says. They are kept for a
  while; a key id that is not among them has them fetched again, at most once in a while, whoever
  sends what.
- Who has a token of a key that is at hand does not wait for the provider. Who waits does so for
  FETCH_S at most, however the provider answers.
- Issuer, audience and an end are required. Clocks may differ by LEEWAY_S.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Final

import httpx
import jwt
from jwt.exceptions import PyJWTError

from penstock.config import Oidc

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")
REQUIRED: Final = ("exp", "iss", "aud")
LEEWAY_S: Final = 30
KEPT_S: Final = 3_600.0
PAUSE_S: Final = 30.0
FETCH_S: Final = 5.0
KEYS_BYTES_MAX: Final = 256 * 1024
KEYS_MAX: Final = 100

_BAD_KEYS: Final = (ValueError, KeyError, TypeError, AttributeError, RecursionError)

logger = logging.getLogger("penstock.gateway")


class OidcTokens:
    """See auth.TokenVerifier. Used on the event loop."""

    def __init__(self, settings: Oidc, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._settings = settings
        self._transport = transport
        self._keys: dict[str, jwt.PyJWK] = {}
        self._tried_s: float | None = None
        self._fetched_s: float | None = None
        self._fetching: asyncio.Task[None] | None = None

    async def principal_of(self, token: str) -> str | None:
        """The name of the principal whose token it is; None if it is not good."""
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in ALGORITHMS:
                return None
            key = await self._key(header.get("kid"))
            if key is None or key.algorithm_name != header["alg"]:
                return None
            claims = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                issuer=self._settings.issuer,
                audience=self._settings.audience,
                leeway=LEEWAY_S,
                options={"require": [*REQUIRED]},
            )
        except (PyJWTError, ValueError, TypeError) as error:
            logger.info("a token is not good: %s", type(error).__name__)
            return None
        name = claims.get(self._settings.claim)
        return name if isinstance(name, str) else None

    async def _key(self, key_id: object) -> jwt.PyJWK | None:
        """The key of this id. It is a name and nothing else: no path, and no address."""
        if not isinstance(key_id, str):
            return None
        if key_id not in self._keys or self._is_old():
            fetching = self._refresh()
            if key_id not in self._keys and fetching is not None:
                await asyncio.shield(fetching)  # others wait for it as well
        return self._keys.get(key_id)

    def _refresh(self) -> asyncio.Task[None] | None:
        """The fetch that is under way; a new one, if it is time for one."""
        if self._fetching is not None and not self._fetching.done():
            return self._fetching
        if not self._may_try():
            return None
        self._tried_s = time.monotonic()
        self._fetching = asyncio.get_running_loop().create_task(self._fetch())
        return self._fetching

    def _is_old(self) -> bool:
        return self._fetched_s is None or time.monotonic() - self._fetched_s > KEPT_S

    def _may_try(self) -> bool:
        return self._tried_s is None or time.monotonic() - self._tried_s > PAUSE_S

    async def _fetch(self) -> None:
        """Fetch the keys; while that fails, those at hand are good."""
        url = self._settings.jwks_url
        try:
            async with asyncio.timeout(FETCH_S):
                body = await self._body(url)
            self._keys = _keys_of(body)
            self._fetched_s = time.monotonic()
        except (TimeoutError, httpx.HTTPError, PyJWTError, *_BAD_KEYS) as error:
            logger.warning("the keys at %s can not be had: %r", url, error)

    async def _body(self, url: str) -> bytes:
        """What is there, as it comes: packed, few bytes could be very many."""
        async with (
            httpx.AsyncClient(transport=self._transport, timeout=FETCH_S, trust_env=True) as http,
            http.stream("GET", url, headers={"Accept-Encoding": "identity"}) as answer,
        ):
            answer.raise_for_status()
            body = b""
            async for chunk in answer.aiter_raw():
                body += chunk
                if len(body) > KEYS_BYTES_MAX:
                    raise ValueError("too large")
            return body


def _keys_of(body: bytes) -> dict[str, jwt.PyJWK]:
    """Keys for signatures, by their ids. What is of another kind is passed over."""
    found: dict[str, jwt.PyJWK] = {}
    for one in json.loads(body)["keys"][:KEYS_MAX]:
        if one.get("use", "sig") != "sig" or not isinstance(one.get("kid"), str):
            continue
        try:
            key = jwt.PyJWK(one)
        except PyJWTError:
            continue
        if key.algorithm_name in ALGORITHMS:
            found[one["kid"]] = key
    return found
