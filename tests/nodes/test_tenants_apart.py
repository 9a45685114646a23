"""What is tried of two tenants on one node (tests/gateway/test_tenants_apart.py) holds through any
other, too: whatever is asked of a node here is, for the most part, another one's to answer.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from penstock.gateway.load import Limits
from tests.gateway import test_foreign_places as places
from tests.gateway import test_tenants_apart as one_node
from tests.gateway.keys import ADMIN_KEY, client_of, everything
from tests.gateway.test_streams import end_of
from tests.gateway.test_tenants_apart import ONE, Apart, two_in
from tests.nodes.pair import pair


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory, kafka_bootstrap: str) -> Iterator[Apart]:
    """The node that is asked has one partition of three, and not the one that decides."""
    limits = Limits(answer_timeout_s=5.0, read_timeout_s=0.05)
    folder, cluster = tmp_path_factory.mktemp("apart"), f"t{secrets.token_hex(6)}"
    with pair(folder, kafka_bootstrap, cluster, limits, auth=True, admin_key=ADMIN_KEY) as nodes:
        for node in nodes:
            node.http.headers["Authorization"] = f"Bearer {ADMIN_KEY}"
        with two_in([nodes[1], nodes[0]]) as made:
            yield made


test_what_one_has_is_shown = one_node.test_what_one_has_is_shown_to_it_and_nothing_of_the_other_s
test_nobody_comes_in = one_node.test_nobody_comes_in_by_naming_the_other_tenant
test_searches_and_counts = one_node.test_searches_and_counts_are_of_one_s_own
test_topics = one_node.test_topics_are_of_one_tenant_or_say_of_whom_each_record_is
test_metrics = one_node.test_metrics_tell_of_no_tenant
more = places.more
test_cursors = places.test_a_cursor_of_the_other_s_goes_on_in_one_s_own
test_positions = places.test_a_position_of_the_other_s_shows_nothing_of_his
test_signals = places.test_signals_name_the_tenant_whose_task_is_to_stop
test_a_search_that_is_followed = one_node.test_a_search_that_is_followed_is_of_one_s_own


@pytest.mark.parametrize("path", ["/v1/changes/follow", "/v1/wf-runs/asks/follow"])
def test_a_stream_through_another_node_ends_with_its_key(apart: Apart, path: str) -> None:
    name = f"leaves{path.count('/')}"
    with (
        client_of(apart.served, name, everything(ONE)) as client,
        client.stream("GET", path) as stream,
    ):
        assert stream.status_code == 200
        apart.served.good("DELETE", f"/v1/api-keys/{name}key00000")
        assert end_of(stream) == "UNAUTHENTICATED"


test_nothing_reaches_the_other = one_node.test_nothing_that_one_asks_reaches_the_other
"""The last: it deletes what there is."""
