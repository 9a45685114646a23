"""Whether the server beside it is ready: asks its /readyz, and ends with 0 or 1.

    python -I ready.py [URL]

For health checks in the container, also where the server takes only clients with a certificate,
which an orchestrator has not. Without a URL it is the one that the server writes into its data
directory once it is ready. Only the standard library is used, so that a look every few seconds
costs little.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import urllib.error
import urllib.request
from pathlib import Path

TIMEOUT_S = 4.0


def main() -> int:
    """Ask, and say why not."""
    try:
        url = sys.argv[1] if len(sys.argv) > 1 else _written()
        with urllib.request.urlopen(url, timeout=TIMEOUT_S, context=_tls()) as answer:
            return 0 if answer.status == 200 else 1
    except urllib.error.HTTPError as error:
        print(error.read(4_096).decode(errors="replace"))
    except (OSError, ValueError, KeyError) as error:
        print(f"not ready: {error}")
    return 1


def _written() -> str:
    data = Path(os.environ.get("PENSTOCK_DATA", ".penstock"))
    return json.loads((data / "server.json").read_text())["url"] + "/readyz"


def _tls() -> ssl.SSLContext:
    """It asks itself on this machine and tells no secret, so the certificate's names are not
    looked at: they are those by which others know the server.
    """
    made = ssl.create_default_context(cafile=os.environ.get("PENSTOCK_TLS_CA"))
    made.check_hostname = False
    if "PENSTOCK_TLS_CA" not in os.environ:
        made.verify_mode = ssl.CERT_NONE
    if certificate := os.environ.get("PENSTOCK_TLS_CERT"):
        made.load_cert_chain(certificate, os.environ.get("PENSTOCK_TLS_KEY"))
    return made


if __name__ == "__main__":
    sys.exit(main())
