"""Bulk jobs by what a search is asked by, too: words, namespaces, versions, what has started a run,
and values of variables. A job and a search go by the same code (core/flow).
"""

from __future__ import annotations

import pytest

from penstock.core.bulk.rows import ROWS_OF_BULK
from penstock.core.commands.edit_variable import EditVariable
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.run_wf import RunWf
from penstock.core.commands.set_labels import SetLabels
from penstock.core.limits import SEARCH_VARIABLES_MAX
from penstock.core.state import turn
from tests.controls import chain, declared, event, sleeps, starts, threads
from tests.scenarios.bulks import bulk, command
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, accepted, refused, register, run

MANY = tuple(f"customer:{number}" for number in range(SEARCH_VARIABLES_MAX + 1))


def customer(**settings: object) -> object:
    """A variable by which runs are found."""
    return declared("customer", "STR", searchable=True, **settings)


class Found:
    """By labels that a job sets: the runs that a filter names, of those that are watched."""

    def __init__(self, driver: Driver, *ids: str) -> None:
        self.driver = driver
        self.ids = ids

    def by(self, **criteria: object) -> set[str]:
        name = f"found-{self.driver.new_id()}"
        arguments = {"labels": {name: "yes"}}
        bulk(self.driver, "set-labels", arguments=arguments, **criteria).is_now("COMPLETED")
        return {of for of in self.ids if name in Story(self.driver, of).run.labels}


def test_by_words(memory: Driver) -> None:
    """In an id, a spec's name or a label, in any case of letters."""
    register(memory, "waits", chain(event("go")))
    register(memory, "others", chain(event("go")))
    for wf_run_id, wf_spec in (("First-1", "waits"), ("second", "waits"), ("third", "others")):
        run(memory, wf_spec, wf_run_id)
    accepted(memory, SetLabels(wf_run_id="second", labels={"Team": "Blue"}))
    found = Found(memory, "First-1", "second", "third")
    assert found.by(q="fIRST") == {"First-1"}
    assert found.by(q="team:blue") == {"second"}
    assert found.by(q="wait") == {"First-1", "second"}
    assert found.by(q="i", wf_spec="others") == {"third"}
    assert found.by(q="nobody") == set()


def test_by_namespace_and_version(memory: Driver) -> None:
    """A namespace, and what lies below it; a major version, and one of its revisions."""
    register(memory, "waits", chain(event("go")))
    run(memory, "waits", "plain-1")
    accepted(memory, PutWfSpec(name="waits", spec=chain(event("go"), sleeps(1))))
    run(memory, "waits", "plain-2")
    for namespace in ("co.team", "co.team.below", "co.teams"):
        spec = chain(event("go")) | {"namespace": namespace}
        accepted(memory, PutWfSpec(name=f"{namespace}.flow", spec=spec))
        run(memory, f"{namespace}.flow", namespace.replace(".", "-"))
    found = Found(memory, "plain-1", "plain-2", "co-team", "co-team-below", "co-teams")
    assert found.by(namespace="co.team") == {"co-team", "co-team-below"}
    assert found.by(namespace="co.teams", q="co") == {"co-teams"}
    assert found.by(namespace="") == {"plain-1", "plain-2"}
    versions = {(major, revision) for major in (0, 1, 2) for revision in (0, 1, 2)}
    whose = {at: found.by(wf_spec="waits", major=at[0], revision=at[1]) for at in sorted(versions)}
    assert sorted(map(sorted, filter(None, whose.values()))) == [["plain-1"], ["plain-2"]]
    of_majors = [found.by(wf_spec="waits", major=major) for major in (0, 1, 2)]
    assert set().union(*of_majors) == {"plain-1", "plain-2"}


def test_by_what_has_started_it(memory: Driver) -> None:
    """Runs below another one; all child runs, or none."""
    register(memory, "waits", chain(event("go")))
    for wf_run_id, parent in (("top", None), ("low", "top"), ("lower", "top.low"), ("own", None)):
        accepted(memory, RunWf(wf_spec="waits", wf_run_id=wf_run_id, parent=parent))
    found = Found(memory, "top", "top.low", "top.low.lower", "own")
    assert found.by(trigger_wf_run_id="top", children=True) == {"top.low"}
    assert found.by(trigger_wf_run_id="top") == set()
    assert found.by(wf_spec="waits", child=True) == {"top.low", "top.low.lower"}
    assert found.by(wf_spec="waits", child=False, children=True) == {"top", "own"}
    assert found.by(all=True, child=True, children=True) == {"top.low", "top.low.lower"}


def test_by_values_of_variables(memory: Driver) -> None:
    """As they are when the job comes to the run; all that are given, in whichever thread."""
    total = declared("order", "JSON_OBJ", json_indexes=[{"path": "$.total", "type": "INT"}])
    below = chain(event("stop"), variables=(declared("place", "STR", searchable=True),))
    main = chain(starts("below", place={"from": "VALUE", "value": "Rome"}), event("go"))
    main["threads"]["main"]["variables"] = [customer(), total]
    register(memory, "orders", threads(main=main, below=below))
    for wf_run_id, name, value in (("a", "ada", 12), ("b", "ada", 13), ("c", "eve", 12)):
        run(memory, "orders", wf_run_id, customer=name, order={"total": value})
    found = Found(memory, "a", "b", "c")
    assert found.by(wf_spec="orders", variable=("customer:ada",)) == {"a", "b"}
    assert found.by(wf_spec="orders", variable=("customer:ada", "order$.total:12")) == {"a"}
    assert found.by(wf_spec="orders", variable=("place:Rome",)) == {"a", "b", "c"}
    assert found.by(wf_spec="orders", variable=("place:Oslo",)) == set()
    accepted(memory, EditVariable(wf_run_id="a", name="customer", value="eve"))
    assert found.by(wf_spec="orders", version=1, variable=("customer:eve",)) == {"a", "c"}


@pytest.mark.parametrize("nodes", [2, 3, 6])
def test_looks_at_variables_are_within_the_turn(
    monkeypatch: pytest.MonkeyPatch, memory: Driver, nodes: int
) -> None:
    """They cost what they read; what one turn has no room for is the next one's."""
    monkeypatch.setattr(turn, "NODES_PER_TURN_MAX", nodes)
    register(memory, "orders", chain(event("go"), variables=(customer(),)))
    ids = [f"o-{number}" for number in range(12)]
    for wf_run_id in ids:
        run(memory, "orders", wf_run_id, customer="ada" if int(wf_run_id[2:]) % 2 else "eve")
    odd = {wf_run_id for wf_run_id in ids if int(wf_run_id[2:]) % 2}
    assert Found(memory, *ids).by(wf_spec="orders", variable=("customer:ada",)) == odd


@pytest.mark.parametrize(
    ("criteria", "code"),
    [
        ({"q": ""}, "BAD_FILTER"),
        ({"child": True}, "BAD_FILTER"),
        ({"major": 0}, "BAD_FILTER"),
        ({"wf_spec": "orders", "revision": 0}, "BAD_FILTER"),
        ({"variable": ("customer:ada",)}, "BAD_FILTER"),
        ({"wf_spec": "orders", "variable": ("customer",)}, "BAD_FILTER"),
        ({"wf_spec": "orders", "variable": ("count:many",)}, "BAD_FILTER"),
        ({"wf_spec": "orders", "variable": MANY}, "LIMIT"),
        ({"wf_spec": "orders", "variable": ("card:1",)}, "VARIABLE_UNKNOWN"),
        ({"wf_spec": "orders", "version": 9, "variable": ("customer:a",)}, "SPEC_UNKNOWN"),
        ({"wf_spec": "nobody", "variable": ("customer:a",)}, "SPEC_UNKNOWN"),
    ],
)
def test_what_can_not_be_meant(memory: Driver, criteria, code) -> None:
    """Like a search, it is told at once; what is masked can not be asked for."""
    count = declared("count", "INT", searchable=True)
    card = declared("card", "STR", masked=True)
    register(memory, "orders", chain(event("go"), variables=(customer(), count, card)))
    refused(memory, command("stop", **criteria), code)
    assert all(memory.everywhere(kind) == [] for kind in ROWS_OF_BULK)
