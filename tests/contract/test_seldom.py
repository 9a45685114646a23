"""librdkafka's lines are not written forty times a second."""

import logging

from penstock.log.kafka.seldom import EVERY_S, Seldom

LINE = "FAIL [rdkafka#{}] [thrd:127.0.0.1:{}]: 127.0.0.1:{}: Connection refused (after {}ms)"


def test_what_is_said_again_and_again_is_written_now_and_then() -> None:
    now_s, lines = [0.0], list[str]()
    logger = logging.Logger("some")
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    logger.addHandler(handler)
    logger.addFilter(Seldom(lambda: now_s[0]))
    for number in range(300):
        logger.error(LINE.format(number % 3, 9092, 9092, number))
        logger.error("another broker: %s", LINE.format(number, 9093, 9093, number))
    assert len(lines) == 2, "one of each broker, whichever client says so"
    now_s[0] = EVERY_S
    logger.error(LINE.format(7, 9092, 9092, 1))
    assert lines[2:] == [f"{LINE.format(7, 9092, 9092, 1)}; 299 like it before"]
