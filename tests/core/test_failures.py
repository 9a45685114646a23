"""What becomes of a failure on its way up."""

from penstock.core.flow.room import unhandled
from penstock.core.state.failures import Failure, FailureName, seen_from_above


def test_what_it_has_come_from_is_known_however_far_above() -> None:
    failure = Failure(FailureName.KILLED, "by ada")
    for level in range(3):
        failure = seen_from_above(failure, f"level {level}")
        assert (failure.name, failure.cause) == ("CHILD_FAILURE", "KILLED")
        assert failure.by_kill
    below = seen_from_above(Failure(FailureName.TIMEOUT, "late"), "thread 1")
    assert (below.cause, below.by_kill) == ("TIMEOUT", False)


def test_a_kill_beside_another_failure_is_not_lost() -> None:
    """Whatever has come first, by which it is handled."""
    first = Failure("sold-out", "", {"n": 1})
    killed = Failure(FailureName.CHILD_FAILURE, "", cause="KILLED")
    both = first.beside(killed)
    assert (both.name, both.content, both.cause) == ("sold-out", {"n": 1}, "KILLED")
    assert seen_from_above(both, "thread 1").by_kill
    assert killed.beside(first) is killed
    assert first.beside(Failure(FailureName.TIMEOUT, "late")) is first
    assert first.beside(Failure(FailureName.TASK_CANCELLED, "")).cause == "TASK_CANCELLED"


def test_an_exception_keeps_its_name() -> None:
    above = seen_from_above(Failure("sold-out", "", {"n": 1}, masked=True), "thread 1")
    assert above == Failure("sold-out", "thread 1: sold-out: ", {"n": 1}, masked=True)


def test_one_whose_handler_can_not_begin_stays_masked() -> None:
    """And all else that it was."""
    failure = Failure("sold-out", "none left", {"card": "4111"}, masked=True)
    kept = unhandled(failure, Failure(FailureName.LIMIT, "it is full"))
    assert kept.message == "none left (its handler was not started: it is full)"
    assert (kept.name, kept.content, kept.masked) == ("sold-out", {"card": "4111"}, True)
