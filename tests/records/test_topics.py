"""Topic names."""

import re

from hypothesis import given
from hypothesis import strategies as st

from penstock.contracts.topics import NAME_CHARS_MAX, Topics, task_topic, topic_files

names = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9])?", fullmatch=True)


@given(names, names)
def test_each_task_def_has_a_topic_of_its_own(one: str, other: str) -> None:
    """Also for Kafka, to which '.' and '_' are the same in a topic's name."""
    topics = [task_topic("penstock", "default", name) for name in (one, other)]
    assert (topics[0].replace(".", "_") == topics[1].replace(".", "_")) == (one == other)
    assert all(len(topic) <= NAME_CHARS_MAX for topic in topics)
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", topic) for topic in topics)


@given(st.sampled_from("._a"), st.lists(st.sampled_from("._ad-uh"), min_size=120, max_size=126))
def test_long_names_are_told_apart_too(last: str, inner: list[str]) -> None:
    """They are cut and hashed."""
    name = "a" + "".join(inner)
    topics = {task_topic("c" * 40, "t" * 40, name + tail) for tail in (last + "b", last + "c")}
    assert len(topics) == 2
    assert all(len(topic) <= NAME_CHARS_MAX for topic in topics)


def test_the_files_say_what_design_wants() -> None:
    """LogAppendTime on commands, and what is kept for ever."""
    files = topic_files()
    assert files["commands"].config["message.timestamp.type"] == "LogAppendTime"
    assert files["commands"].config["retention.ms"] == "-1"
    assert files["verdicts"].config["retention.ms"] == "-1"
    topics = Topics("penstock", 4)
    made = {settings.name: settings.partitions for settings in topics.fixed()}
    assert made == {
        "penstock.commands": 4,
        "penstock.events": 4,
        "penstock.verdicts": 1,
        "penstock.dead-letters": 1,
        "penstock.worker-signals": 1,
    }
    on_demand = topics.on_demand(topics.task("default", "greet"))
    assert on_demand is not None
    assert on_demand.partitions == 4
    assert topics.on_demand("penstock.else") is None
