"""The index by which runs are found by values of searchable variables. It is written beside the
Variable row; a variable that is not searchable costs nothing.

What is masked is not in it: neither what is declared so, or was made of something masked, nor what
lies in a masked field of a struct.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Final

from penstock.core.definitions.structs import structs_of
from penstock.core.definitions.wf_spec import VariableDef
from penstock.core.state.run import Variable
from penstock.core.state.search_rows import IndexedVariable, VariableOf
from penstock.core.state.turn import Turn
from penstock.core.values.masking import has_masked
from penstock.core.values.paths import follow_path, passes_masked, path_type
from penstock.core.values.texts import text_of
from penstock.core.values.types import Structs, TypeText, ValueProblem, parse_type
from penstock.core.values.value import Value, coerce, encode_value

WHOLE: Final = "$"
"""The path of a simple variable's value."""

_DIGEST_BYTES: Final = 16


def indexes_of(declared: VariableDef) -> dict[str, TypeText]:
    """The types of what a variable is found by, by their paths."""
    if declared.masked:
        return {}
    if declared.searchable:
        return {WHOLE: declared.type}
    return {index.path: index.type for index in declared.json_indexes}


def is_indexed(declared: VariableDef | None) -> bool:
    """Whether runs are to be found by a variable."""
    return declared is not None and (declared.searchable or bool(declared.json_indexes))


def index_variable(turn: Turn, wf_spec: str, declared: VariableDef, row: Variable) -> None:
    """A variable is found as it is now, and no more as it was; one that is not indexed was not."""
    if is_indexed(declared):
        write_index(turn, wf_spec, declared, row)


def write_index(turn: Turn, wf_spec: str, declared: VariableDef | None, row: Variable) -> None:
    """A variable, however it was declared before, is found as it is declared now, or not at all."""
    digests = () if declared is None else tuple(_digests(declared, row, structs_of(turn)))
    rows, place = turn.rows, (row.tenant, row.wf_run_id, row.thread, row.name)
    known = rows.peek(IndexedVariable, *place)
    before = () if known is None else known.digests
    if digests == before:
        return
    for digest in before:
        if digest not in digests:
            rows.delete(_found_by(row, wf_spec, digest))
    for digest in digests:
        if digest not in before:
            rows.put(_found_by(row, wf_spec, digest))
    now = IndexedVariable(*place, wf_spec, digests)
    if digests:
        rows.put(now)
    else:
        rows.delete(now)


def forget_indexed(turn: Turn, row: IndexedVariable) -> None:
    """The variable is deleted: nobody finds it any more."""
    for digest in row.digests:
        place = row.wf_run_id, row.thread
        turn.rows.delete(VariableOf(row.tenant, row.wf_spec, row.name, digest, *place))


def digest_of(path: str, value: Value) -> str:
    """What stands for a value at a path; the value has the type of its index."""
    return blake2b(encode_value([path, text_of(value)]), digest_size=_DIGEST_BYTES).hexdigest()


def value_at(declared: VariableDef, path: str, row: Variable, structs: Structs) -> Value:
    """What the variable is found by at a path; null if there is nothing that may be found."""
    wanted = indexes_of(declared).get(path)
    if wanted is None or row.masked:
        return None
    whole = parse_type(declared.type)
    try:
        if path != WHOLE and is_hidden(declared, path, structs):
            return None
        value = row.value if path == WHOLE else follow_path(row.value, path, whole, structs)
        return coerce(value, wanted, structs)
    except ValueProblem:
        return None  # a JSON value may have anything there


def is_hidden(declared: VariableDef, path: str, structs: Structs) -> bool:
    """Whether a path leads to, or through, what is masked; ValueProblem if it leads nowhere."""
    whole = parse_type(declared.type)
    kind = path_type(whole, path, structs)
    masked = passes_masked(whole, path, structs)
    return masked or (kind is not None and has_masked(kind, structs))


def _digests(declared: VariableDef, row: Variable, structs: Structs) -> Iterator[str]:
    for path in indexes_of(declared):
        value = value_at(declared, path, row, structs)
        if value is not None:
            yield digest_of(path, value)


def _found_by(row: Variable, wf_spec: str, digest: str) -> VariableOf:
    return VariableOf(row.tenant, wf_spec, row.name, digest, row.wf_run_id, row.thread)
