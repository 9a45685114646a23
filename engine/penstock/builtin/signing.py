"""Signatures of Standard Webhooks 1.0.0: what is signed is `id.timestamp.body`, byte for byte.

HMAC-SHA256 (`v1`) only. The other scheme, ed25519 (`v1a`), would bring in a library with a build of
OpenSSL to every worker, for what few receivers check; its keys are refused by name.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterable
from typing import Final

PREFIX: Final = "whsec_"
ASYMMETRIC_PREFIX: Final = "whsk_"
SECRET_BYTES_MIN: Final = 24
SECRET_BYTES_MAX: Final = 64
SIGNATURES_MAX: Final = 10

HEADER_ID: Final = "webhook-id"
HEADER_TIMESTAMP: Final = "webhook-timestamp"
HEADER_SIGNATURE: Final = "webhook-signature"


class BadSecret(ValueError):
    """A signing secret that can not be one. The message never holds the secret."""


def signing_key(secret: str) -> bytes:
    """The key that a written secret stands for: `whsec_` and 24 to 64 bytes in base64."""
    if secret.startswith(ASYMMETRIC_PREFIX):
        raise BadSecret(
            f"an ed25519 key ({ASYMMETRIC_PREFIX}...) is not supported; use a secret {PREFIX}..."
        )
    if not secret.startswith(PREFIX):
        raise BadSecret(f"a signing secret begins with {PREFIX}")
    try:
        key = b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise BadSecret(f"what follows {PREFIX} is not base64 with its padding") from None
    if not SECRET_BYTES_MIN <= len(key) <= SECRET_BYTES_MAX:
        raise BadSecret(
            f"a signing secret has {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes,"
            f" this one has {len(key)}"
        )
    return key


def signature(key: bytes, webhook_id: str, timestamp_s: int, body: bytes) -> str:
    """`v1,` and the signature in base64."""
    signed = f"{webhook_id}.{timestamp_s}.".encode() + body
    return "v1," + b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def signed_headers(
    keys: Iterable[bytes], webhook_id: str, timestamp_s: int, body: bytes
) -> dict[str, str]:
    """The three headers. The id is the same over retries, the timestamp is the attempt's.

    One signature a key: while a receiver changes its secret, the old and the new one are both kept.
    """
    if not webhook_id or "." in webhook_id:
        raise ValueError(
            f"webhook id {webhook_id!r}: it has no dot, which ends it where it is signed"
        )
    signatures = [signature(key, webhook_id, timestamp_s, body) for key in keys]
    if not 0 < len(signatures) <= SIGNATURES_MAX:
        raise ValueError(f"{len(signatures)} keys: a webhook has 1 to {SIGNATURES_MAX} signatures")
    return {
        HEADER_ID: webhook_id,
        HEADER_TIMESTAMP: str(timestamp_s),
        HEADER_SIGNATURE: " ".join(signatures),
    }
