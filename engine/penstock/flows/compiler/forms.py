"""What stands in a flow, as expressions."""

from __future__ import annotations

import re
from typing import Any, Final, cast

from penstock.core.values.expressions import Expression
from penstock.core.values.forms import Literal, Rendered, Secret, Template
from penstock.core.values.templates.parser import only_expression, parse_template
from penstock.flows.checked import is_template

_ONLY: Final = re.compile(r"\s*\{\{-?(.*?)-?\}\}\s*", re.DOTALL)
_SECRET: Final = re.compile(
    r"""\s*\{\{\s*secret\(\s*(['"])([A-Za-z][A-Za-z0-9_]*)\1\s*\)\s*\}\}\s*"""
)


def value(given: Any) -> Expression:
    """The value that it renders to: a template that is one expression only gives that one's."""
    if isinstance(given, str) and (secret := _SECRET.fullmatch(given)):
        return Secret(secret[2])
    return Template(given) if has_template(given) else Literal(given)


def text(given: str) -> Expression:
    """The text that it renders to."""
    return Template(given, Rendered.TEXT) if is_template(given) else Literal(given)


def truth(given: str) -> Expression:
    """Whether what it renders to counts as true."""
    return Template(given, Rendered.TRUTH)


def texts(given: Any) -> Expression:
    """The list of texts that it renders to."""
    return Template(given, Rendered.TEXTS)


def batches(given: str, rows: int) -> Expression | None:
    """The list that one expression gives, in batches; None if it is more than one expression."""
    source = _ONLY.fullmatch(given)
    if source is None or only_expression(parse_template(given)) is None:
        return None
    return value(f"{{{{ ({source[1]}) | chunk({rows}) }}}}")


def has_template(given: Any) -> bool:
    """Whether some text in it is a template."""
    if isinstance(given, dict):
        pairs = cast("dict[Any, Any]", given).items()
        return any(has_template(part) for pair in pairs for part in pair)
    if isinstance(given, list):
        return any(has_template(part) for part in cast("list[Any]", given))
    return is_template(given)
