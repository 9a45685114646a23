"""Which of our extras bring which libraries, and how one that is missing is come by.

Rule: from the file that Penstock came in, never by its bare name. On PyPI that is another
project's, whose code would come.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

LIBRARIES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("cronsim", "cryptography", "jwt", "prometheus_client", "rocksdict"), "server"),
    **dict.fromkeys(("starlette", "tzdata", "uvicorn", "uvloop"), "server"),
    "obstore": "s3",
    "opentelemetry": "otel",
    "pydantic": "pydantic",
    "shtab": "cli",
    "yaml": "flows",
}
"""By the name under which each is imported, the extra that brings it."""


def from_the_wheel(*extras: str) -> str:
    """What installs extras, where Penstock is or is not there already."""
    return f'pip install "$(ls RELEASE/penstock-*.whl)[{",".join(extras)}]"'


def told(error: ModuleNotFoundError) -> str | None:
    """What is said of a library that is missing; None for one that no extra brings."""
    library = (error.name or "").partition(".")[0]
    extra = LIBRARIES.get(library)
    if extra is None:
        return None
    return (
        f"{library} is not installed; this needs the extra {extra!r}: {from_the_wheel(extra)}"
        " (RELEASE is the folder that has the wheel)"
    )
