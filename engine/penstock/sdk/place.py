"""Where the user's code stands: the `file:line` that a mistake is reported at."""

from __future__ import annotations

import contextlib
import inspect
import linecache
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

SDK_FOLDER: Final = str(Path(__file__).parent)
_NOT_USERS: Final = (SDK_FOLDER, contextlib.__file__)  # where blocks are entered
_DEF: Final = re.compile(r"\s*(async\s+)?def\s")


def place_of_caller() -> str:
    """The newest line on the stack that is not the SDK's own."""
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage] - inspect.stack() reads files
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_NOT_USERS):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def names_of_caller() -> dict[str, Any]:
    """The local names of the user's code that is running, for hints that mention them."""
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_NOT_USERS):
        frame = frame.f_back
    return dict(frame.f_locals)


def place_of_def(function: Callable[..., Any]) -> str:
    """The line with a function's `def`, below its decorators."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return f"{function!r}"
    first = line = code.co_firstlineno
    while text := linecache.getline(code.co_filename, line):
        if _DEF.match(text):
            return f"{code.co_filename}:{line}"
        line += 1
    return f"{code.co_filename}:{first}"
