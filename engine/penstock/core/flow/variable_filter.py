"""Which runs are meant by values of their variables: what a text such as `total:12` stands for, and
whether a run has it. How the text is read says the newest version of the WfSpec, or the one that is
named.

Raises ValueProblem for what can not be read, Reject for what there is not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NoReturn

from msgspec import Struct

from penstock.core.definitions.structs import struct_fields_of
from penstock.core.definitions.wf_spec import LatestWfSpec, MajorWfSpec, VariableDef, WfSpec
from penstock.core.errors import Code, refuse
from penstock.core.flow.search_index import WHOLE, digest_of, indexes_of, is_hidden, value_at
from penstock.core.state.keys import after_prefix
from penstock.core.state.rows import Rows
from penstock.core.state.run import Variable, WfRun
from penstock.core.state.search_rows import VariableOf
from penstock.core.values.casts import cast_to
from penstock.core.values.paths import leading_path
from penstock.core.values.types import ValueProblem, parse_type
from penstock.core.values.value import Value


class Condition(Struct, frozen=True):
    """A variable, where in it, and the value as a text."""

    name: str
    text: str
    path: str = WHOLE

    @classmethod
    def of(cls, text: str) -> Condition:
        """What is said as <name>:<value>, or as <name><path>:<value>."""
        name, colon, value = text.partition(":")
        name, dollar, _ = name.partition("$")
        path = leading_path(text[len(name) :]) if dollar else WHOLE
        if dollar:
            colon, value = text[len(name + path) :][:1], text[len(name + path) + 1 :]
        if colon != ":":
            raise ValueProblem("must be <name>:<value>, or <name><path>:<value>")
        return cls(name=name, text=value, path=path)


class WhichVersion(Struct, frozen=True):
    """The WfSpec whose variables are meant, and in which version."""

    wf_spec: str
    version: int | None = None
    major: int | None = None
    revision: int | None = None

    def find(self, rows: Rows, tenant: str) -> WfSpec | None:
        """The version by which values are read; it may be deleted: its runs are found."""
        name, version, major = self.wf_spec, self.version, self.major
        if version is None and major is None:
            latest = rows.peek(LatestWfSpec, tenant, name)
            version = 0 if latest is None else latest.version or latest.last
        elif version is None and major is not None:
            found = rows.peek(MajorWfSpec, tenant, name, major)
            if found is None:
                return None
            version = found.version or found.first
            if self.revision is not None:
                version = found.first + self.revision
        spec = rows.peek(WfSpec, tenant, name, version or 0)
        return spec if spec is None or major in (None, spec.major) else None

    def refuse_unknown(self) -> NoReturn:
        """There is none."""
        refuse(Code.SPEC_UNKNOWN, f"there is no WfSpec {self.wf_spec!r}{self._said()}")

    def _said(self) -> str:
        if self.version is not None:
            return f" in version {self.version}"
        said = [str(one) for one in (self.major, self.revision) if one is not None]
        return f" in version {'.'.join(said)}" if said else ""


class Wanted(Struct, frozen=True):
    """A value that is looked for: its variable, where in it, and the keys of the index."""

    declared: VariableDef
    path: str
    value: Value
    prefix: bytes


def wanted_value(rows: Rows, tenant: str, spec: WfSpec, asked: Condition) -> Wanted:
    """The value that the text stands for, as a place of the index's type has it."""
    declared = _variable(spec, asked.name)
    indexes, structs = indexes_of(declared), partial(struct_fields_of, rows, tenant)
    kind = indexes.get(asked.path)
    if kind is None or (asked.path != WHOLE and is_hidden(declared, asked.path, structs)):
        raise ValueProblem(f"{declared.name!r} is searched for by {', '.join(indexes)}")
    value = cast_to(asked.text, parse_type(kind), structs)
    digest = digest_of(asked.path, value)
    prefix = VariableOf.key(tenant, spec.name, declared.name, digest)
    return Wanted(declared, asked.path, value, prefix)


def has_values(
    rows: Rows, run: WfRun, wanted: Sequence[Wanted], looked: Callable[[], None]
) -> bool:
    """Whether a run has all the values. Several of its threads may: if the first has it not, it is
    another type's, and the others are looked at, however many. Each look is told, and one for each
    value, whether there is an entry of it or none.
    """
    for _ in wanted:
        looked()
    structs = partial(struct_fields_of, rows, run.tenant)

    def has(one: Wanted) -> bool:
        start = one.prefix + run.wf_run_id.encode() + b"\x00"
        for _, entry in rows.range(VariableOf, start, after_prefix(start)):
            looked()
            row = rows.peek(Variable, run.tenant, run.wf_run_id, entry.thread, entry.name)
            if row is not None and value_at(one.declared, one.path, row, structs) == one.value:
                return True
        return False

    return all(map(has, wanted))


def _variable(spec: WfSpec, name: str) -> VariableDef:
    """The declaration, in whichever thread: a name means one variable in all of the spec."""
    threads = spec.body.threads.values()
    known = {one.name: one for thread in threads for one in thread.variables if indexes_of(one)}
    if name not in known:
        refuse(
            Code.VARIABLE_UNKNOWN,
            f"runs of WfSpec {spec.name!r} can not be searched for by variable {name!r} in version"
            f" {spec.version}; they can by {sorted(known)}",
        )
    return known[name]
