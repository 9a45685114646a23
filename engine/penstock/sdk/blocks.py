"""Branches, loops and threads of a workflow, as `with` blocks: each body is traced once.

with if_(stock.left > 0):
    ship(item)
with else_():
    fail("OUT_OF_STOCK")
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from msgspec.structs import replace

from penstock.core.definitions.node_check import INPUT
from penstock.core.definitions.nodes import NopNode, RunThreadsNode
from penstock.core.definitions.wf_spec import VariableDef
from penstock.core.ids import is_inner_name
from penstock.core.values.expressions import Expression
from penstock.core.values.types import ValueType
from penstock.sdk import hints
from penstock.sdk.place import place_of_def
from penstock.sdk.proxy import KNOWN_NOW, Proxy, Step, fault
from penstock.sdk.source import check_source, refuse_generator
from penstock.sdk.task import hints_of_function
from penstock.sdk.trace import ENTRYPOINT, Choice, Tail, ThreadTrace, thread_here

T = TypeVar("T")


@contextmanager
def if_(condition: bool) -> Generator[None]:
    """What is done if a condition of the run holds.

    >>> @workflow
    ... def sizing(count: int) -> str:
    ...     with if_(count > 10):
    ...         return_("many")
    ...     return "few"
    >>> engine.register(sizing)
    >>> [engine.run(sizing, count=count).result() for count in (11, 2)]
    ['many', 'few']
    """
    thread = thread_here("if_")
    holds = _condition(thread, condition, "if_")
    node = thread.add("if", NopNode()).node
    ends: list[Tail] = []
    yield from _branch(thread, node, ends, holds)


@contextmanager
def elif_(condition: bool) -> Generator[None]:
    """What is done if no condition before holds, and this one does; right after `if_`.

    >>> @workflow
    ... def choosing(colour: str) -> str:
    ...     with if_(colour == "red"):
    ...         return_("stop")
    ...     with elif_(colour == "green"):
    ...         return_("go")
    ...     return text("what is {0}?", colour)
    >>> engine.register(choosing)
    >>> engine.run(choosing, colour="green").result()
    'go'
    """
    thread = thread_here("elif_")
    choice = _choice(thread, "elif_")
    yield from _branch(thread, choice.node, choice.ends, _condition(thread, condition, "elif_"))


@contextmanager
def else_() -> Generator[None]:
    """What is done if no condition before holds; right after `if_` or `elif_`.

    >>> @workflow
    ... def welcoming(name: str, known: bool) -> None:
    ...     with if_(known):
    ...         greet(text("again, {0}", name))
    ...     with else_():
    ...         greet(name)
    >>> engine.register(welcoming)
    >>> engine.run(welcoming, name="Ada", known=False).result()
    >>> engine.inputs(greet)
    [{'name': 'Ada'}]
    """
    thread = thread_here("else_")
    choice = _choice(thread, "else_")
    yield from _branch(thread, choice.node, choice.ends, None)


def _branch(
    thread: ThreadTrace, node: str, ends: list[Tail], condition: Expression | None
) -> Generator[None]:
    thread.choice = None
    thread.tails = [Tail(node, condition)]
    yield
    if any(tail.node == node for tail in thread.tails):  # its edge comes before those of the next
        thread.add("nothing", NopNode())
    ends += thread.tails
    if condition is None:
        thread.tails = ends
        return
    thread.tails = [*ends, Tail(node)]
    thread.choice = Choice(node, ends, thread.steps)


def _choice(thread: ThreadTrace, what: str) -> Choice:
    choice = thread.choice
    if choice is None or choice.steps != thread.steps:
        fault(f"{what} follows the block of an if_ or an elif_, with no step between")
    return choice


@contextmanager
def while_(condition: bool) -> Generator[None]:
    """What is done again and again, as long as a condition holds when it begins.

    >>> @workflow
    ... def asking(said: str = "no") -> str:
    ...     with while_(said != "yes"):
    ...         assign(said, wait_for_event("answered", type=str))
    ...     return said
    >>> engine.register(asking)
    >>> run = engine.run(asking)
    >>> _ = run.put_event("answered", "perhaps"), run.put_event("answered", "yes")
    >>> run.result()
    'yes'
    """
    thread = thread_here("while_")
    holds = _condition(thread, condition, "while_")
    node = thread.add("while", NopNode()).node
    thread.tails = [Tail(node, holds)]
    steps = thread.steps
    yield
    if thread.steps == steps:
        fault("a while_ without a step would go round for ever")
    thread.loop_to(node)
    thread.tails = [Tail(node)]


@contextmanager
def for_each(items: Iterable[T], *, concurrency: int = 0) -> Generator[T]:
    """What is done with each item of a list, in threads of their own: `concurrency` of them at once
    (0: all), until all have ended. The block gets the item. A failure stops the rest.

    >>> @workflow
    ... def greeting_all(names: list[str]) -> None:
    ...     with for_each(names, concurrency=5) as name:
    ...         greet(name)
    >>> engine.register(greeting_all)
    >>> engine.run(greeting_all, names=["Ada", "Bob"]).result()
    >>> engine.inputs(greet)
    [{'name': 'Ada'}, {'name': 'Bob'}]
    """
    thread = thread_here("for_each")
    values = thread.expression(items, None, hints.UNKNOWN, "for_each")
    known = items._type if isinstance(items, Proxy) else None  # pyright: ignore[reportPrivateUsage]
    if known not in (None, ValueType.JSON_ARR):
        fault(f"for_each needs a list, and {items!r} is {known}")
    hint = _item_hint(items)
    try:
        kind = hints.type_of_hint(hint)
    except hints.UnsupportedHint:
        fault(f"for_each: say what the items of {items!r} are, as in list[str]")
    name = f"each-{len(thread.trace.threads)}"
    with thread.trace.thread(name) as inner:
        yield cast(T, inner.declare(VariableDef(INPUT, kind), hint))
        inner.end_if_reached(None)
    node = RunThreadsNode(threads=(name,), values=values, concurrency=concurrency)
    thread.add("for-each", node)


def trace_function(
    thread: ThreadTrace, function: Callable[..., Any], what: str, *, variable: str | None = None
) -> str:
    """A function as a thread below this one; its name. Its parameters are the thread's variables,
    or the only one is what `variable` names. Each function is traced once.
    """
    name, trace = getattr(function, "__name__", ""), thread.trace
    if not is_inner_name(name):
        fault(f"{what} takes a function that was made with `def`")
    if trace.functions.setdefault(name, function) is not function or name == ENTRYPOINT:
        fault(f"{what}: two functions have the name {name!r}; give one of them another")
    if name in trace.threads:
        if trace.threads[name].above is not thread:
            fault(f"{what}: {name}() is a thread of another one; write a function for each")
        return name
    refuse_generator(function, name)
    where = check_source(function)
    with trace.thread(name) as inner:
        arguments = {
            declared.name: inner.declare(
                declared if variable is None else replace(declared, name=variable), hint
            )
            for declared, hint in parameters_of(function, what)
        }
        inner.end_if_reached(function(**arguments), where)
    return name


def parameters_of(function: Callable[..., Any], what: str) -> list[tuple[VariableDef, Any]]:
    """The parameters of a function as variables, with their hints."""
    known = hints_of_function(function, what, place_of_def(function))
    found: list[tuple[VariableDef, Any]] = []
    for parameter in inspect.signature(function).parameters.values():
        hint = known.get(parameter.name, hints.UNKNOWN)
        if hint is hints.UNKNOWN:
            fault(f"{what}: parameter {parameter.name!r} has no type hint; use {hints.SUPPORTED}")
        try:
            found.append((VariableDef(parameter.name, hints.type_of_hint(hint)), hint))
        except hints.UnsupportedHint as problem:
            fault(f"{what}: parameter {parameter.name!r}: {problem}")
    return found


def _condition(thread: ThreadTrace, condition: object, what: str) -> Expression:
    if isinstance(condition, Step):
        fault(f"{what} needs a condition, and that step gives no value")
    if condition is False or (condition is True and what != "while_"):
        fault(f"{what}: {KNOWN_NOW}")
    return thread.expression(condition, ValueType.BOOL, bool, what)


def _item_hint(items: object) -> Any:
    hint = items._hint if isinstance(items, Proxy) else hints.UNKNOWN  # pyright: ignore[reportPrivateUsage]
    return hints.UNKNOWN if hint is hints.UNKNOWN else hints.item_hint(hint, 0)
