"""Cursors of pages: what they stand for is ours alone, and they fit into an address."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error

from penstock.gateway.errors import bad_request


def cursor_bytes(text: str) -> bytes:
    """What a cursor stands for."""
    try:
        return urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (Base64Error, ValueError) as error:
        raise bad_request("parameter `cursor` is not one that was given here") from error


def cursor_text(data: bytes) -> str:
    """A cursor, for clients to give back."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()
