"""The version law, as tables."""

from typing import Any

import msgspec
import pytest

from penstock.core.definitions.wf_spec import SpecBody
from penstock.core.registration.spec_versions import (
    UNKNOWN_TYPE,
    breaks,
    frozen_faults,
    frozen_of,
    interface_of,
)
from tests.controls import chain, declared


def body(*variables: Any, inner: tuple[Any, ...] = (), entrypoint: str = "main") -> SpecBody:
    """A spec with these variables in its entrypoint, and those in another thread."""
    threads = {entrypoint: chain(variables=variables), "other": chain(variables=inner)}
    made = {name: thread["threads"]["main"] for name, thread in threads.items()}
    return msgspec.convert({"entrypoint": entrypoint, "threads": made}, SpecBody)


def private(name: str, kind: str = "INT", **settings: Any) -> Any:
    return declared(name, kind, access="PRIVATE_VAR", **settings)


A, B = private("a"), private("b")
PUBLIC_A = declared("a", "INT", access="PUBLIC_VAR")
REQUIRED_A = private("a", required=True)


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (body(), body(), []),
        (body(A), body(A, B), []),
        (body(A), body(B), []),
        (body(A), body(private("a", "STR")), []),
        (body(A), body(inner=(REQUIRED_A,)), []),  # starters do not give it
        (body(A), body(A, entrypoint="first"), []),
        (body(A), body(PUBLIC_A), ["the public variables (with a)"]),
        (body(PUBLIC_A), body(A), ["the public variables (without a)"]),
        (body(A), body(A, inner=(PUBLIC_A,)), ["the public variables (with other/a)"]),
        (body(A), body(REQUIRED_A), ["the required variables (with a)"]),
        (body(REQUIRED_A), body(), ["the required variables (without a)"]),
        (body(REQUIRED_A), body(REQUIRED_A, entrypoint="first"), []),
        (body(declared("a", "INT")), body(declared("a", "INT", default=7)), []),
        (
            body(declared("a", "INT", required=True)),
            body(declared("b", "INT", required=True)),
            [
                "the public variables (without a, with b)",
                "the required variables (without a, with b)",
            ],
        ),
    ],
)
def test_what_is_a_major_version(before: SpecBody, after: SpecBody, says: list[str]) -> None:
    assert list(breaks(interface_of(before, ()), interface_of(after, ()))) == says


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (["INT"], ["INT"], []),
        (["INT", "STR"], ["STR", "INT", "INT"], []),
        (["INT"], ["STR"], ["the type of what is returned (without INT, with STR)"]),
        (["NULL"], ["NULL", "INT"], ["the type of what is returned (with INT)"]),
        (["INT"], [UNKNOWN_TYPE], []),
        ([UNKNOWN_TYPE], ["INT"], []),
    ],
)
def test_the_type_of_what_is_returned(before: Any, after: Any, says: list[str]) -> None:
    """What only a run will tell is not held against a change."""
    spec = body()
    assert list(breaks(interface_of(spec, before), interface_of(spec, after))) == says


def test_what_is_frozen() -> None:
    """Public or required, in whichever thread."""
    made = body(A, declared("p", "STR"), inner=(private("r", "BOOL", required=True), B))
    assert frozen_of(made) == {"other/r": "BOOL", "p": "STR"}


@pytest.mark.parametrize(
    ("frozen", "after", "count"),
    [
        ({"a": "INT"}, body(A), 0),
        ({"a": "INT"}, body(), 0),
        ({"a": "INT"}, body(private("a", "STR")), 1),
        ({"a": "INT"}, body(inner=(private("a", "STR"),)), 0),
        ({"other/a": "INT"}, body(inner=(private("a", "STR"),)), 1),
        ({"a": "STR", "b": "STR"}, body(A, B), 2),
    ],
)
def test_a_frozen_variable_keeps_its_type(frozen: Any, after: SpecBody, count: int) -> None:
    assert len(frozen_faults(frozen, after)) == count
