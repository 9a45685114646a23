"""Tokens of an identity provider (fault 39): what is good, and all that is not."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import http.server
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from penstock.config import Oidc
from penstock.gateway import oidc
from penstock.gateway.oidc import OidcTokens
from tests.gateway.keys import everything, guarded, put_principal
from tests.gateway.served import Served

ISSUER, AUDIENCE = "https://id.example", "penstock"
JWKS_URL = "https://id.example/keys"
KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
OTHER = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
PUBLIC = KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)


class Provider(httpx.AsyncBaseTransport):
    """What is at the address of the keys, and how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.status = 200

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        keys: list[Any] = [json.loads(RSAAlgorithm.to_jwk(KEY.public_key()))]
        keys[0] |= {"kid": "first", "use": "sig", "alg": "RS256"}
        keys.append({"kty": "oct", "kid": "shared", "k": "c2VjcmV0"})
        body = self.body(json.dumps({"keys": keys}).encode())
        return httpx.Response(self.status, content=body)

    async def body(self, keys: bytes) -> AsyncIterator[bytes]:
        """Its answer, as it comes."""
        yield keys


class Hanging(Provider):
    """One that answers well at first, and later with a byte now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.hangs = False

    async def body(self, keys: bytes) -> AsyncIterator[bytes]:
        while self.hangs:
            yield b" "
            await asyncio.sleep(0.01)
        yield keys


def claims(**changed: Any) -> dict[str, Any]:
    """Of a token that is good."""
    now = int(time.time())
    good = {"sub": "ann", "iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 600}
    made = good | changed
    return {name: value for name, value in made.items() if value is not None}


def signed(key: Any = KEY, algorithm: str = "RS256", kid: Any = "first", **changed: Any) -> str:
    return jwt.encode(claims(**changed), key, algorithm, headers={"kid": kid} if kid else None)


def by_hand(header: dict[str, Any], secret: bytes | None) -> str:
    """A token as somebody makes it who keeps to no rules."""

    def part(data: bytes) -> bytes:
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    text = part(json.dumps(header).encode()) + b"." + part(json.dumps(claims()).encode())
    mac = b"" if secret is None else hmac.new(secret, text, hashlib.sha256).digest()
    return (text + b"." + part(mac)).decode()


NOW = int(time.time())
BAD = {
    "alg none": by_hand({"alg": "none", "kid": "first"}, None),
    "alg None": by_hand({"alg": "None", "kid": "first"}, None),
    "HS256 with the public key": by_hand({"alg": "HS256", "kid": "first"}, PUBLIC),
    "HS256 with a shared key": by_hand({"alg": "HS256", "kid": "shared"}, b"secret"),
    "another algorithm": signed(algorithm="PS256"),
    "one that is not on the list": signed(algorithm="RS512"),
    "another's key": signed(OTHER),
    "wrong audience": signed(aud="other"),
    "no audience": signed(aud=None),
    "wrong issuer": signed(iss="https://evil.example"),
    "no issuer": signed(iss=None),
    "expired": signed(exp=NOW - 3_600),
    "without an end": signed(exp=None),
    "not yet good": signed(nbf=NOW + 3_600),
    "kid is a path": signed(kid="../../../../etc/passwd"),
    "kid is an address": signed(kid="https://evil.example/keys"),
    "no kid": signed(kid=None),
    "kid is a number": by_hand({"alg": "RS256", "kid": 7}, None),
    "jku": by_hand({"alg": "RS256", "kid": "x", "jku": "https://evil.example/keys"}, None),
    "no name": signed(sub=None),
    "no signature": by_hand({"alg": "RS256", "kid": "first"}, None),
    "huge": "x" * 7_000 + "." + "y" * 500 + ".z",
    "nothing": "..",
}


@pytest.mark.fault(39)
@pytest.mark.parametrize("token", BAD.values(), ids=BAD.keys())
def test_a_bad_token_names_nobody(token: str) -> None:
    """And its keys are asked for at the configured address alone."""
    provider = Provider()
    tokens = OidcTokens(Oidc(issuer=ISSUER, audience=AUDIENCE, jwks_url=JWKS_URL), provider)
    assert asyncio.run(tokens.principal_of(token)) is None
    assert set(provider.asked) <= {JWKS_URL}


def test_a_good_token_names_its_principal() -> None:
    """Also a little after its end; keys are fetched once, and unknown ids bring no storm."""
    provider = Provider()
    settings = Oidc(issuer=ISSUER, audience=AUDIENCE, jwks_url=JWKS_URL)

    async def ask() -> None:
        tokens = OidcTokens(settings, provider)
        for token in (signed(), signed(aud=["x", AUDIENCE]), signed(exp=int(time.time()) - 10)):
            assert await tokens.principal_of(token) == "ann"
        assert len(provider.asked) == 1
        for number in range(50):
            assert await tokens.principal_of(signed(kid=f"k{number}")) is None
        assert len(provider.asked) == 1
        by_mail = OidcTokens(
            Oidc(issuer=ISSUER, audience=AUDIENCE, jwks_url=JWKS_URL, claim="email"), provider
        )
        assert await by_mail.principal_of(signed(email="ann@example.com")) == "ann@example.com"

    asyncio.run(ask())


def test_while_the_provider_is_away_nobody_new_comes_in() -> None:
    provider = Provider()
    provider.status = 500
    tokens = OidcTokens(Oidc(issuer=ISSUER, audience=AUDIENCE, jwks_url=JWKS_URL), provider)
    for _ in range(5):
        assert asyncio.run(tokens.principal_of(signed())) is None
    assert len(provider.asked) == 1


def test_a_provider_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose key is at hand comes in at once; another waits for a while and not for ever; and when
    the provider is there again, its keys are fetched.
    """
    monkeypatch.setattr(oidc, "FETCH_S", 1.0)
    monkeypatch.setattr(oidc, "PAUSE_S", 0.0)
    monkeypatch.setattr(oidc, "KEPT_S", 0.05)
    provider = Hanging()

    async def ask() -> None:
        tokens = OidcTokens(
            Oidc(issuer=ISSUER, audience=AUDIENCE, jwks_url=JWKS_URL),
            provider,
        )
        assert await tokens.principal_of(signed()) == "ann"
        provider.hangs = True
        await asyncio.sleep(0.1)
        for _ in range(20):
            await asyncio.sleep(0.001)
            async with asyncio.timeout(oidc.FETCH_S * 0.9):
                assert await tokens.principal_of(signed()) == "ann"
        assert len(provider.asked) == 2
        async with asyncio.timeout(20.0):
            strangers = (tokens.principal_of(signed(kid=f"k{number}")) for number in range(20))
            assert set(await asyncio.gather(*strangers)) == {None}
        assert len(provider.asked) == 2
        provider.hangs = False
        assert await tokens.principal_of(signed(kid="new")) is None
        assert len(provider.asked) == 3
        assert await tokens.principal_of(signed()) == "ann"

    asyncio.run(ask())


def test_an_answer_without_end_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oidc, "KEYS_BYTES_MAX", 10)
    monkeypatch.setattr(oidc, "FETCH_S", 30.0)
    provider = Hanging()
    provider.hangs = True
    tokens = OidcTokens(Oidc(issuer=ISSUER, audience=AUDIENCE, jwks_url=JWKS_URL), provider)
    began_s = time.monotonic()
    assert asyncio.run(tokens.principal_of(signed())) is None
    assert time.monotonic() - began_s < oidc.FETCH_S / 2


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway that takes tokens; its provider is a server of its own."""

    class Keys(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            key = json.loads(RSAAlgorithm.to_jwk(KEY.public_key())) | {"kid": "first"}
            body = json.dumps({"keys": [key]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    provider = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Keys)
    threading.Thread(target=provider.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{provider.server_address[1]}/keys"
    oidc = Oidc(issuer=ISSUER, audience=AUDIENCE, jwks_url=url)
    try:
        with guarded(Path(tmp_path_factory.mktemp("oidc")), oidc=oidc) as made:
            yield made
    finally:
        provider.shutdown()
        provider.server_close()


@pytest.mark.fault(39)
def test_a_token_says_who_and_the_engine_says_what(served: Served) -> None:
    """Who has no principal here comes in no further than who has no token."""
    with served.with_key(signed()) as ann:
        assert ann.get("/v1/whoami").status_code == 401
        put_principal(served, "ann", everything("acme"))
        told = ann.get("/v1/whoami").json()
        assert (told["principal"], told["tenant"]) == ("ann", "acme")
        assert ann.get("/v1/task-defs", headers={"Penstock-Tenant": "x"}).status_code == 403
    for sub in ("admin", "engine", "anonymous", "webhook", "a\x00b"):
        with served.with_key(signed(sub=sub)) as client:
            assert client.get("/v1/whoami").status_code == 401
    for what in ("alg none", "HS256 with the public key", "expired", "huge"):
        with served.with_key(BAD[what]) as client:
            assert client.get("/v1/whoami").status_code == 401
