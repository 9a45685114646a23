"""The text form of simple values, and the way back. One form for each value, on every machine."""

import json
import re
from base64 import b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from math import isfinite
from typing import Any, Final, cast

from penstock.core.ids import is_wf_run_id
from penstock.core.limits import INT_MAX, INT_MIN
from penstock.core.values.types import ValueProblem

_INT: Final = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_DOUBLE: Final = re.compile(r"[+-]?\d{1,40}(\.\d{1,40})?([eE][+-]?\d{1,4})?", re.ASCII)
_BOOLS: Final = {"true": True, "false": False}


def text_of(value: Any) -> str | None:
    """The text of a simple value: 1, 1.5, true, base64 of bytes; None for what has none."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)  # of a float: the shortest text that reads back as the same
    if isinstance(value, bytes):
        return b64encode(value).decode()
    return None


def json_text(value: Any) -> str:
    """A value as JSON, keys sorted: what is said of a value may not depend on the order in which
    its keys came (I1).
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_base64
    )


def json_of(text: str) -> Any:
    """What a JSON text stands for, or ValueProblem; its bounds have not been checked."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ValueProblem(f"{text[:40]!r} is no JSON") from error


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def int_of(text: str) -> int:
    """The INT that a text stands for, or ValueProblem."""
    number = int(text) if _INT.fullmatch(text) else None
    if number is None or not INT_MIN <= number <= INT_MAX:
        raise _unreadable(text, "INT")
    return number


def double_of(text: str) -> float:
    """The DOUBLE that a text stands for, or ValueProblem."""
    number = float(text) if _DOUBLE.fullmatch(text) else None
    if number is None or not isfinite(number):
        raise _unreadable(text, "DOUBLE")
    return number


def bool_of(text: str) -> bool:
    """true or false, in any case, or ValueProblem."""
    found = _BOOLS.get(text.lower()) if len(text) <= 5 else None
    if found is None:
        raise _unreadable(text, "BOOL")
    return found


def bytes_of(text: str) -> bytes:
    """The BYTES that base64 text stands for, or ValueProblem."""
    try:
        return a2b_base64(text, strict_mode=True)
    except (Base64Error, ValueError) as error:
        raise _unreadable(text, "BYTES (base64)") from error


def wf_run_id_of_text(text: str) -> str:
    """The text, if a WfRun may have it as its id; else ValueProblem."""
    if not is_wf_run_id(text):
        raise _unreadable(text, "WF_RUN_ID")
    return text


def _unreadable(text: str, wanted: str) -> ValueProblem:
    shown = text if len(text) <= 60 else text[:57] + "..."
    return ValueProblem(f"STR {shown!r} is not {wanted}")


def _base64(value: Any) -> str:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    raise ValueProblem(f"{type(cast(object, value)).__name__} is not a value")
