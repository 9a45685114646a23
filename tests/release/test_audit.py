"""Nothing that is locked is known to be unsafe, as far as somebody can be asked."""

from __future__ import annotations

import pytest

from tests.release.audit import LOCKS, ROOT, audit

pytestmark = [pytest.mark.package, pytest.mark.timeout(900)]


@pytest.mark.parametrize("name", LOCKS)
def test_nothing_that_is_locked_is_known_to_be_unsafe(name: str) -> None:
    verdict = audit(ROOT / name)
    assert verdict.unsafe == ()
    if not verdict.known:
        pytest.skip(verdict.told(name))
