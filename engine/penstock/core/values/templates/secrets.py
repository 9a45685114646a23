"""Secrets in templates: `{{ secret('name') }}` and nothing else is the secret of that name, which
its worker fills in. Nobody else has it, so nothing can be made of one.
"""

from __future__ import annotations

from typing import Final, cast

from msgspec import Struct

from penstock.core.values.templates.parser import only_expression, parse_template
from penstock.core.values.templates.syntax import Body, Call, Constant
from penstock.core.values.types import ValueProblem

SECRET: Final = "secret"


def only_secret(template: str) -> str | None:
    """The name of the secret that a template is as a whole; None if it is anything else."""
    if SECRET not in template:
        return None
    try:
        only = only_expression(parse_template(template))
    except ValueProblem:
        return None
    match only:
        case Call(name="secret", args=(Constant(value=str(name)),), named=()):
            return name
        case _:
            return None


def misplaced_secret(template: str, *, as_whole: bool) -> int | None:
    """At which character a template asks for a secret that can not be had there; it may be one
    `as_whole`.
    """
    if SECRET not in template or (as_whole and only_secret(template) is not None):
        return None
    return secret_in(parse_template(template))


def secret_in(body: Body) -> int | None:
    """At which character a template asks for a secret, if it does so anywhere."""
    found: list[int] = []
    pending: list[object] = [body]
    while pending:
        part = pending.pop()
        if isinstance(part, tuple):
            pending.extend(cast("tuple[object, ...]", part))
        elif isinstance(part, Struct):
            if isinstance(part, Call) and part.name == SECRET:
                found.append(part.at)
            pending.extend(getattr(part, name) for name in part.__struct_fields__)
    return min(found, default=None)
