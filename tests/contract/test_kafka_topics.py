"""Several who ask about topics through one client."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from penstock.log.kafka.topics import KafkaTopics
from penstock.log.port import LogUnavailable


def test_who_waits_for_an_answer_is_not_forgotten_when_another_gives_up() -> None:
    """The client of who gives up is replaced; with it, what others had asked would go unanswered
    for ever.
    """
    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor(1) as thread:
        topics = KafkaTopics(f"127.0.0.1:{silent.getsockname()[1]}", {}, None)
        began_s = time.monotonic()
        patient = thread.submit(topics.describe, ["t"], 2.0)
        time.sleep(0.2)
        with pytest.raises(LogUnavailable):
            topics.describe(["t"], 0.5)
        with pytest.raises(LogUnavailable):
            patient.result(30)
        assert time.monotonic() - began_s > 1.5, "it has waited as long as it would"
