"""Extract, transform, load: a thread for each file, four at a time, into SQLite.

python examples/etl.py

A task may be done twice (its worker may die after the work, before the report), so the load
replaces what an attempt before it has written. One of the files can not be read at first: only its
task is tried again.
"""

import csv
import io
import sqlite3
import tempfile
from pathlib import Path

from local import engine

from penstock import Backoff, Client, TaskContext, Worker, for_each, task, workflow

FILES = {
    f"day-{number}.csv": f"item,cents\nbook,{number}00\npen,{number}0\n" for number in range(1, 9)
}


@task
def list_files() -> list[str]:
    return sorted(FILES)


@task(max_attempts=3, backoff=Backoff(base=0.1))
def extract(ctx: TaskContext, file: str) -> str:
    if file == "day-3.csv" and ctx.attempt == 1:
        raise ConnectionError(f"{file} can not be read")
    ctx.counter("bytes", len(FILES[file]))
    return FILES[file]


@task
def transform(text: str) -> list[dict[str, int | str]]:
    rows = csv.DictReader(io.StringIO(text))
    return [{"item": row["item"], "cents": int(row["cents"])} for row in rows]


@task
def load(database: str, file: str, rows: list[dict[str, int | str]]) -> None:
    with sqlite3.connect(database, timeout=30) as connection:
        connection.execute("DELETE FROM sales WHERE file = ?", (file,))
        values = [(file, row["item"], row["cents"]) for row in rows]
        connection.executemany("INSERT INTO sales VALUES (?, ?, ?)", values)


@task
def total(database: str) -> dict[str, int]:
    with sqlite3.connect(database) as connection:
        query = "SELECT item, sum(cents) FROM sales GROUP BY item ORDER BY item"
        return dict(connection.execute(query).fetchall())


@workflow
def etl(database: str) -> dict[str, int]:
    files = list_files()
    with for_each(files, concurrency=4) as file:
        load(database, file, transform(extract(file)))
    return total(database)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder, "sales.db")
        with sqlite3.connect(database) as connection:
            connection.execute("CREATE TABLE sales (file TEXT, item TEXT, cents INT)")
        with engine() as url, Client(url) as client, Worker(etl, url=url, slots=4):
            client.register(etl)
            run = client.run(etl, database=str(database))
            print(f"sold: {run.result(timeout=60)}")
            tries = {
                one.inputs["file"]: len(one.attempts)
                for one in run.task_runs()
                if one.task_def == "extract"
            }
            print(
                f"files: {len(tries)}, tried twice: {[file for file, n in tries.items() if n > 1]}"
            )


if __name__ == "__main__":
    main()
