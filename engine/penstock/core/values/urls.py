"""The form of an address on the web. It is read here, and not by a library, whose next release may
read it another way (R9); where requests may go is the business of who sends them.
"""

from __future__ import annotations

import re
from typing import Final

from penstock.core.limits import URL_CHARS_MAX

_URL: Final = re.compile(
    r"""https?://
    (?P<host>[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?\.?|\[[0-9A-Fa-f:.]+\])
    (?::(?P<port>[0-9]{1,5}))?
    (?P<rest>[/?][\x21\x24-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]*)?""",
    re.VERBOSE,
)
_HOST_CHARS_MAX: Final = 253
_PORT_MAX: Final = 65_535


def url_problem(text: str) -> str | None:
    """What is wrong with an address; None if nothing is."""
    if len(text) > URL_CHARS_MAX:
        return f"{len(text)} characters: an address may have {URL_CHARS_MAX}"
    found = _URL.fullmatch(text)
    said = f"{text[:60]!r} is no address such as https://example.com/hooks"
    if found is None:
        return f"{said}: no user name, no '#', no blanks, printable ASCII only"
    host, port = found["host"], found["port"]
    if ".." in host or len(host) > _HOST_CHARS_MAX:
        return f"{said}: no host is called so"
    if port is not None and not 1 <= int(port) <= _PORT_MAX:
        return f"{said}: a port is a number from 1 to {_PORT_MAX}"
    return None
