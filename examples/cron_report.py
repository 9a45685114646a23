"""A report on each working day at eight, as Berlin's clocks have it.

python examples/cron_report.py

Two weeks pass in a moment here: this is the engine in memory, with a clock that the example moves,
so it is also how to test a schedule. Against a server it is the same `client.schedules.make`.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from penstock import now, task, text, workflow
from penstock.testing import Engine

BERLIN = ZoneInfo("Europe/Berlin")


@task(max_attempts=3)
def count_orders(at: str) -> int:
    return datetime.fromisoformat(at).day * 3


@task
def send(to: str, text: str) -> str:
    return f"to {to}: {text}"


@workflow
def report(to: str) -> str:
    orders = count_orders(text("{0}", now()))
    return send(to, text("{0} orders", orders))


def main() -> None:
    begin = datetime(2026, 3, 23, tzinfo=UTC)  # Berlin's clocks go forward on the 29th
    with Engine(report, start=begin) as engine:
        schedules = engine.client.schedules
        plan = schedules.make(
            report, "0 8 * * 1-5", time_zone="Europe/Berlin", variables={"to": "the boss"}
        )
        engine.skip(timedelta(days=14))
        runs = list(engine.client.find_runs(wf_spec="report", newest=True))
        for run in reversed(runs):
            local = run.started_at.astimezone(BERLIN)
            said = engine.client.handle(run.wf_run_id).result()
            print(f"{local:%a %d %b %H:%M} ({run.started_at:%H:%M} UTC) {said}")
        schedules.delete(plan)
        engine.skip(timedelta(days=7))
        assert len(list(engine.client.find_runs(wf_spec="report", newest=True))) == len(runs) == 10


if __name__ == "__main__":
    main()
