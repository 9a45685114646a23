"""What streams tell of two tenants on one node (tests/gateway/test_streams_apart.py) they tell
through any other, too.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests.gateway import test_streams_apart as streams
from tests.gateway.keys import ADMIN_KEY
from tests.gateway.test_tenants_apart import Apart, two_in
from tests.nodes.pair import pair


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory, kafka_bootstrap: str) -> Iterator[Apart]:
    """The node that is asked has one partition of three, and not the one that decides."""
    folder, cluster = tmp_path_factory.mktemp("apart"), f"t{secrets.token_hex(6)}"
    with pair(folder, kafka_bootstrap, cluster, auth=True, admin_key=ADMIN_KEY) as nodes:
        for node in nodes:
            node.http.headers["Authorization"] = f"Bearer {ADMIN_KEY}"
        with two_in([nodes[1], nodes[0]]) as made:
            yield made


test_a_stream_tells = streams.test_a_stream_tells_of_one_s_own_and_nothing_of_the_other_s
test_all_partitions = streams.test_that_all_partitions_go_on_says_nothing_of_anybody
