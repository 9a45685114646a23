"""A topic's id is the name of a folder of snapshots."""

from base64 import urlsafe_b64encode

from confluent_kafka import Uuid
from hypothesis import example, given
from hypothesis import strategies as st

from penstock.log.kafka.topics import topic_id_of
from penstock.processor.snapshots.port import is_word

HALF = st.integers(-(2**63), 2**63 - 1)


@given(HALF, HALF)
@example(-1, -1)
@example(-0x0808080808080809, -0x0808080808080809)
def test_it_is_written_as_kafkas_own_tools_do(most: int, least: int) -> None:
    written = topic_id_of(Uuid(most, least))
    data = most.to_bytes(8, "big", signed=True) + least.to_bytes(8, "big", signed=True)
    assert written == urlsafe_b64encode(data).decode().rstrip("=")
    assert is_word(written)
