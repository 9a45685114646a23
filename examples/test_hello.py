"""A test of examples/hello.py: the engine itself, in memory. Run it with `pytest`."""

from hello import greet, hello

from penstock.testing import Engine


def test_a_greeting(penstock: Engine) -> None:
    penstock.register(hello)
    assert penstock.run(hello, name="Ada").result() == "Hello, Ada!"


def test_a_greeting_that_comes_at_the_second_attempt(penstock: Engine) -> None:
    penstock.register(hello)
    penstock.fake(greet, ConnectionError("nobody there"), "Hello at last")
    run = penstock.run(hello, name="Ada")
    assert run.result(timeout=60) == "Hello at last"
    assert penstock.inputs(greet) == [{"name": "Ada"}, {"name": "Ada"}]
