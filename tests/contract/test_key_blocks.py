"""The keys of the store in memory are a sorted set, in however many blocks they lie."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.store import key_blocks
from penstock.store.key_blocks import KeyBlocks

KEYS = st.binary(max_size=2)


@given(st.lists(st.tuples(st.booleans(), KEYS), max_size=80), st.tuples(KEYS, KEYS))
def test_they_are_in_order(changes: list[tuple[bool, bytes]], between: tuple[bytes, bytes]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(key_blocks, "BLOCK_KEYS_MAX", 4)
        patch.setattr(key_blocks, "KEYS_PER_SLICE", 3)
        keys, model = KeyBlocks(), set[bytes]()
        for added, key in changes:
            if added and key not in model:
                keys.add(key)
                model.add(key)
            elif not added and key in model:
                keys.remove(key)
                model.remove(key)
        copied = keys.copy()
        start, end = between
        assert list(keys.between(start, end)) == sorted(k for k in model if start <= k < end)
        for key in keys.between(b"", b"\xff" * 3):
            keys.remove(key)
        assert list(keys.between(b"", b"\xff" * 3)) == []
        assert list(copied.between(b"", b"\xff" * 3)) == sorted(model)
