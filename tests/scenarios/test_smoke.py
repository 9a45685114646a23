from penstock.core.commands.put_task_def import PutTaskDef
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.report_task import ReportTask
from penstock.core.commands.run_wf import RunWf
from penstock.core.definitions import InputVar
from penstock.core.run import NodeRun, WfRun
from penstock.core.transitions import TaskStatus
from penstock.core.values import ValueType
from tests.scenarios.driver import memory_driver

SPEC = {
    "entrypoint": "main",
    "threads": {
        "main": {
            "variables": [{"name": "name", "type": "STR", "required": True}],
            "nodes": {
                "0-entrypoint": {"type": "ENTRYPOINT", "edges": [{"to": "1-greet"}]},
                "1-greet": {
                    "type": "TASK",
                    "task_def": "greet",
                    "max_attempts": 2,
                    "inputs": {"name": {"from": "VARIABLE", "name": "name"}},
                    "edges": [{"to": "2-exit"}],
                },
                "2-exit": {"type": "EXIT", "returns": {"from": "NODE_OUTPUT", "node": "1-greet"}},
            },
        }
    },
}


def test_smoke(tmp_path):
    with memory_driver(tmp_path) as d:
        print(
            d.send(
                PutTaskDef(
                    name="greet",
                    input_vars=(InputVar("name", ValueType.STR),),
                    return_type=ValueType.STR,
                )
            )
        )
        a = d.send(PutWfSpec(name="hello", spec=SPEC))
        print(a)
        assert a.ok
        for i in range(5):
            a = d.send(RunWf(wf_spec="hello", wf_run_id=f"r{i}", variables={"name": "Ada"}))
            print(a)
            assert a.ok
            [t] = d.tasks("greet")
            print(t)
            a = d.send(
                ReportTask(
                    wf_run_id=t.wf_run_id,
                    guid=t.guid,
                    attempt=t.attempt,
                    status=TaskStatus.TASK_FAILED,
                    error="no",
                )
            )
            assert a.ok, a
            [t] = d.tasks("greet")
            print(t.attempt)
            a = d.send(
                ReportTask(
                    wf_run_id=t.wf_run_id,
                    guid=t.guid,
                    attempt=t.attempt,
                    status=TaskStatus.TASK_SUCCESS,
                    output="hi",
                )
            )
            assert a.ok, a
            run = d.get(WfRun, f"r{i}")
            print(run)
            assert run.status == "COMPLETED"
        print(d.scan(NodeRun, "r0"))
        print(d.events())
        assert d.digests() == d.refolded()
