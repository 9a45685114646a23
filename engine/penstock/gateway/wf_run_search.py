"""Search of runs by the value of a variable: `wf_spec`, `variable=<name>:<value>`, and for a
variable with `json_indexes` the `path` of one of them; and among these by the filters of all runs.

How the text of the value is read says the newest version of the WfSpec, or the one that `version`
names; runs of all versions are found. What the index finds is looked at once more in its row.
"""

from __future__ import annotations

from functools import partial

from msgspec import Struct
from starlette.datastructures import QueryParams

from penstock.contracts.filters import VariableFilters
from penstock.core.definitions.structs import struct_fields_of
from penstock.core.definitions.wf_spec import LatestWfSpec, VariableDef, WfSpec
from penstock.core.errors import Code, refuse
from penstock.core.flow.search_index import WHOLE, digest_of, indexes_of, is_hidden, value_at
from penstock.core.state.rows import Rows
from penstock.core.state.run import Variable, WfRun
from penstock.core.state.search_rows import VariableOf
from penstock.core.values.casts import cast_to
from penstock.core.values.types import ValueProblem, parse_type
from penstock.core.values.value import Value
from penstock.gateway.errors import bad_request
from penstock.gateway.filters import filters_in
from penstock.gateway.index_scan import place_of, scan_index
from penstock.gateway.newest_runs import RunSearch
from penstock.gateway.reads import Reads, View, check_part


class Search(Struct, frozen=True):
    """What is looked for."""

    wf_spec: str
    name: str
    text: str
    path: str = WHOLE
    version: int | None = None
    among: RunSearch = RunSearch()

    @classmethod
    def of(cls, params: QueryParams) -> Search | None:
        """The search that the parameters of a query ask for; None if they ask for none."""
        asked = filters_in(params, VariableFilters)
        condition, wf_spec = asked.get("variable"), params.get("wf_spec")
        if condition is None:
            for name in asked:
                raise bad_request(f"parameter `{name}` goes with `variable=<name>:<value>`")
            return None
        if "order" in params:
            raise bad_request("parameter `order` does not go with `variable`")
        name, colon, text = condition.partition(":")
        if not colon:
            raise bad_request("parameter `variable` must be <name>:<value>")
        if wf_spec is None:
            raise bad_request("parameter `wf_spec` says whose variable it is")
        return cls(
            wf_spec=check_part("wf_spec", wf_spec),
            name=check_part("variable", name),
            text=text,
            path=asked.get("path", WHOLE),
            version=asked.get("version"),
            among=RunSearch.of(params),
        )


def search(
    reads: Reads, tenant: str, asked: Search, limit: int, cursor: str | None, end: int
) -> tuple[list[tuple[View, WfRun]], str | None]:
    """A page of runs, by partition and id, before the partition `end`; the next one's cursor."""
    rows, declared = _declared(reads, tenant, asked)
    value = _value(rows, tenant, declared, asked)
    prefix = VariableOf.key(tenant, asked.wf_spec, asked.name, digest_of(asked.path, value))
    _, last = place_of(cursor)
    seen = {last.partition(b"\x00")[0].decode(errors="replace")}  # two of its threads may have it

    def found(view: View, entry: VariableOf) -> tuple[View, WfRun] | None:
        if entry.wf_run_id in seen:
            return None
        row = view.rows.peek(Variable, tenant, entry.wf_run_id, entry.thread, entry.name)
        run = view.rows.peek(WfRun, tenant, entry.wf_run_id)
        if row is None or run is None or not _is_among(view.rows, asked.among, run):
            return None
        structs = partial(struct_fields_of, view.rows, tenant)
        if value_at(declared, asked.path, row, structs) != value:
            return None
        seen.clear()
        seen.add(entry.wf_run_id)
        return view, run

    return scan_index(reads, VariableOf, prefix, found, limit=limit, cursor=cursor, end=end)


def _is_among(rows: Rows, wanted: RunSearch, run: WfRun) -> bool:
    """Whether the other filters let a run pass."""
    spec = rows.peek(WfSpec, run.tenant, run.wf_spec, run.version)
    return spec is not None and wanted.wants_run(run, spec) and wanted.wants(run)


def _declared(reads: Reads, tenant: str, asked: Search) -> tuple[Rows, VariableDef]:
    """How the variable is declared, as a partition that is open here knows it, and its rows."""
    views = (reads.view(number) for number in range(reads.partitions) if reads.is_open(number))
    known = ((view.rows, _spec(view.rows, tenant, asked)) for view in views)
    rows, spec = next((found for found in known if found[1] is not None), (None, None))
    if rows is None or spec is None:
        version = "" if asked.version is None else f" in version {asked.version}"
        refuse(Code.SPEC_UNKNOWN, f"there is no WfSpec {asked.wf_spec!r}{version}")
    return rows, _variable(spec, asked.name)


def _spec(rows: Rows, tenant: str, asked: Search) -> WfSpec | None:
    version = asked.version
    if version is None:
        latest = rows.peek(LatestWfSpec, tenant, asked.wf_spec)
        version = 0 if latest is None else latest.version or latest.last
    return rows.peek(WfSpec, tenant, asked.wf_spec, version)


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


def _value(rows: Rows, tenant: str, declared: VariableDef, asked: Search) -> Value:
    """The value that the text stands for, as a place of the index's type has it."""
    indexes, structs = indexes_of(declared), partial(struct_fields_of, rows, tenant)
    wanted = indexes.get(asked.path)
    try:
        if wanted is None or (asked.path != WHOLE and is_hidden(declared, asked.path, structs)):
            paths = ", ".join(indexes)
            raise bad_request(f"parameter `path`: {declared.name!r} is searched for by {paths}")
        return cast_to(asked.text, parse_type(wanted), structs)
    except ValueProblem as problem:
        raise bad_request(f"parameter `variable`: {problem}") from problem
