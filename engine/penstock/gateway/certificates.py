"""When the certificate runs out that a server shows: doctor warns of it."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509


def ends_ms(file: Path) -> int | None:
    """Of the first certificate in a PEM file, which is the one that is shown; None for one that can
    not be told of. Raises OSError.
    """
    try:
        made = x509.load_pem_x509_certificate(file.read_bytes())
    except ValueError:
        return None
    return int(made.not_valid_after_utc.timestamp() * 1_000)
