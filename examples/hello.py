"""The README's example. Start `penstock dev` in one terminal, run this in another."""

from penstock import Client, Worker, task, workflow


@task(max_attempts=3)
def greet(name: str) -> str:
    return f"Hello, {name}!"


@workflow
def hello(name: str) -> str:
    return greet(name)


if __name__ == "__main__":
    with Client("http://127.0.0.1:7070") as client, Worker(hello, url=client.url):
        client.register(hello)
        run = client.run(hello, name="Ada")
        print(run.result(timeout=30))
