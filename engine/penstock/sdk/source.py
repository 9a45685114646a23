"""What the text of a traced function says beside what its run shows: which line returns, and slips
that tracing alone would pass over.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from typing import Any, Final

from penstock.sdk.errors import DefinitionError
from penstock.sdk.place import place_of_def

BLOCKS: Final = frozenset({"if_", "elif_", "else_", "while_", "for_each"})
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def refuse_generator(function: Callable[..., Any], name: str) -> None:
    """What yields has no output: a task and a workflow return."""
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise DefinitionError(place_of_def(function), f"{name} yields; it must return its output")


def check_source(function: Callable[..., Any]) -> str:
    """Refuse, by its line, a `return` within a block, which would end the tracing and not the run,
    and a block without `with`, whose steps would be done in any case. Gives the line that returns,
    or that of the `def` if none does, or several do.
    """
    where = place_of_def(function)
    try:
        lines, first = inspect.getsourcelines(function)
        (root,) = ast.parse(textwrap.dedent("".join(lines))).body
    except (OSError, SyntaxError, TypeError, ValueError):  # no source: in a REPL
        return where
    file = inspect.unwrap(function).__code__.co_filename

    def place(node: ast.stmt) -> str:
        return f"{file}:{first + node.lineno - 1}"

    for node in ast.walk(root):
        if isinstance(node, ast.Expr) and (name := _block_of(node.value)):
            raise DefinitionError(
                place(node), f"{name}(...) alone is no block: write `with {name}(...):`"
            )
        if isinstance(node, ast.With) and any(_block_of(item.context_expr) for item in node.items):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Return):
                    raise DefinitionError(
                        place(inner),
                        "`return` within a block ends the function that is traced, and not the run;"
                        " write return_(...)",
                    )
    returns = list(_returns_in(root))
    return place(returns[0]) if len(returns) == 1 else where


def _returns_in(node: ast.AST) -> Iterator[ast.Return]:
    """Those of a function itself, not of the functions in it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Return):
            yield child
        elif not isinstance(child, _FUNCTIONS):
            yield from _returns_in(child)


def _block_of(call: ast.expr) -> str:
    """The name of the block that is called; empty for any other expression."""
    if not isinstance(call, ast.Call):
        return ""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return name if name in BLOCKS else ""
