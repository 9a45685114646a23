"""The bounded path language into JSON values: `$`, `.name`, `[3]`, `["any name"]`. No wildcards, no
scripts.
"""

import re
from functools import lru_cache
from typing import Any, Final, cast

from penstock.core.limits import JSON_DEPTH_MAX
from penstock.core.values import Value, ValueProblem, type_name

_STEP: Final = re.compile(r"""\.([A-Za-z_][A-Za-z0-9_-]*)|\[(-?\d{1,9})\]|\["([^"\\]{1,256})"\]""")


@lru_cache(maxsize=4_096)
def parse_path(path: str) -> tuple[str | int, ...]:
    """The steps of a path, or ValueProblem if it is not one."""
    if not path.startswith("$"):
        raise ValueProblem(f"path {path!r} must begin with '$'")
    steps: list[str | int] = []
    at = 1
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None or len(steps) == JSON_DEPTH_MAX:
            raise ValueProblem(
                f'path {path!r}: expected .name, [number] or ["name"] at character {at + 1}'
            )
        name, index, quoted = match.groups()
        steps.append(int(index) if index is not None else name or quoted)
        at = match.end()
    return tuple(steps)


def follow_path(value: Value, path: str) -> Value:
    """What a path leads to; a missing key or index is null, a step into anything but an object or
    array an error.
    """
    at = value
    for step in parse_path(path):
        if at is None:
            return None
        if isinstance(step, str) and isinstance(at, dict):
            at = cast("dict[str, Any]", at).get(step)
        elif isinstance(step, int) and isinstance(at, list):
            items = cast("list[Any]", at)
            at = items[step] if -len(items) <= step < len(items) else None
        else:
            raise ValueProblem(f"path {path!r}: {step!r} can not be looked up in {type_name(at)}")
    return at
