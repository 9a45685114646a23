"""The flows of examples/ can be deployed, and do what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.flows.document import FlowError
from penstock.flows.kinds import COMMON, KINDS
from penstock.flows.parts import INPUT_TYPES, TRIGGER_KEYS
from penstock.flows.reader import read_flow
from penstock.flows.schema import flow_schema
from tests.dialects.bench import FlowRun, deploy, run_flow
from tests.flows.accepted import accepts
from tests.flows.test_refusals import HEAD, ONE
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples" / "flows").glob("*.yaml"))


def example(name: str) -> str:
    return (ROOT / "examples" / "flows" / f"{name}.yaml").read_text()


def ended(flow: FlowRun) -> list[tuple[str, str]]:
    found = flow.execution.get("taskRunList", [])
    return [(one["taskId"], one["state"]["current"]) for one in found]


def test_hello(memory: Driver) -> None:
    flow = run_flow(memory, example("hello"), who="Ada")
    flow.completes({"greeting": "Hello Ada"})
    said = flow.only("greet")["outputs"]["value"]
    assert said == f"Hello Ada, this is task run {flow.only('greet')['id']}"


def test_orders(memory: Driver) -> None:
    flow = run_flow(memory, example("orders"))
    flow.completes({"count": 3})
    assert flow.states()[-1] == "WARNING"
    found = ended(flow)
    states = sorted(state for name, state in found if name == "check")
    assert states == ["SKIPPED", "SKIPPED", "WARNING"]
    assert [name for name, _ in found].count("careful") == 1
    assert [name for name, _ in found].count("simple") == 2


@pytest.mark.parametrize("agrees", [True, False])
def test_release(memory: Driver, agrees: bool) -> None:
    flow = run_flow(memory, example("release"), stage="live")
    assert flow.states() == ["CREATED", "RUNNING", "PAUSED"]
    answer = {"by": "Ada", "ok": agrees}
    accepted(memory, PutExternalEvent(flow.id, "examples.release.agreed", content=answer))
    flow.works()
    for _ in range(5):  # what has failed is tried again
        memory.pass_ms(60_000)
        flow.works()
    names = [name for name, _ in ended(flow)]
    after = ["way", "publish"] if agrees else ["way", "refused", "tell"]
    assert names[names.index("agreed") + 1 :] == [*after, "clean"]
    assert flow.states()[-1] == ("SUCCESS" if agrees else "FAILED")


def test_release_without_a_pause(memory: Driver) -> None:
    flow = run_flow(memory, example("release"), stage="test")
    flow.completes(None)
    assert ("agreed", "SKIPPED") in ended(flow)


def test_batches(memory: Driver) -> None:
    deploy(memory, example("orders"))
    orders = [{"id": f"B{number}", "total": number + 1} for number in range(3)]
    flow = run_flow(memory, example("batches"), orders=orders)
    flow.completes({"batches": 2, "first": 2, "last": 0})


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_schema_takes_the_examples(path: Path) -> None:
    assert accepts(flow_schema(), path.read_text())


@pytest.mark.parametrize(
    "document",
    [
        HEAD + "tasks: [{id: a, type: retrun}]\n",
        HEAD + "tasks: [{id: a, type: return, fromat: x}]\n",
        HEAD + "tasks: [{type: return}]\n",
        HEAD + "tasks: []\n",
        HEAD + "tasks: [{id: s, type: sequential, tasks: [{id: a, type: sleep}]}]\n",
        HEAD + ONE + "concurrency: {limit: 0}\n",
        HEAD + ONE + "inputs: [{id: a, type: NUMBER}]\n",
        HEAD + ONE + "labels: [{key: a}]\n",
        HEAD + ONE + "triggers: [{id: t, type: schedule}]\n",
        HEAD + ONE + "retry: {type: often}\n",
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(document: str) -> None:
    with pytest.raises(FlowError):
        read_flow(document)
    assert not accepts(flow_schema(), document)


def test_the_reference_names_every_kind_and_property() -> None:
    text = (ROOT / "docs" / "FLOWS.md").read_text()
    for kind in KINDS:
        part = text.partition(f"\n### {kind.name}\n")[2].partition("\n### ")[0]
        assert part, f"FLOWS.md has no part on {kind.name}"
        for name in kind.properties:
            assert f"| `{name}` |" in part, f"FLOWS.md does not name {name} of {kind.name}"
    for name in (*COMMON, *INPUT_TYPES, *TRIGGER_KEYS):
        assert f"`{name}`" in text, f"FLOWS.md does not name {name}"
