"""Where the time of a test run goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pytest


def by_folder(reports: Mapping[str, Iterable[Any]]) -> dict[str, float]:
    """The seconds of the tests of each folder, what they set up included; the most comes first."""
    seconds: Counter[str] = Counter()
    for kind in reports.values():
        for report in kind:
            if isinstance(report, pytest.TestReport):
                seconds["/".join(report.nodeid.split("/")[:2])] += report.duration
    return dict(seconds.most_common())
