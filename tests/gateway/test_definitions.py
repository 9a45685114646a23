"""Definitions over HTTP."""

from tests.gateway.served import PARTITIONS, Served, one_task


def test_a_task_def_is_registered_and_read(served: Served) -> None:
    body = {
        "name": "defs-greet",
        "input_vars": [{"name": "who", "type": "STR"}],
        "return_type": "STR",
        "description": "says hello",
        "kind": "greeting",
        "breaker": {"level": 0.5, "window": 10, "cool_down_ms": 60_000},
        "addressed_by": ["who"],
    }
    answer = served.good("PUT", "/v1/task-defs", body)
    read = served.good("GET", f"/v1/task-defs/defs-greet?at_least={answer['position']}")

    assert read["created_at"].endswith("Z") and len(read["created_at"]) == 24
    del read["created_at"]
    assert read == {**body, "idempotent": True}
    names = [item["name"] for item in served.good("GET", "/v1/task-defs")["items"]]
    assert "defs-greet" in names


def test_the_same_again_is_the_same_and_another_is_refused(served: Served) -> None:
    served.good("PUT", "/v1/task-defs", {"name": "defs-same"})
    served.good("PUT", "/v1/task-defs", {"name": "defs-same"})
    refused = served.refused("PUT", "/v1/task-defs", {"name": "defs-same", "return_type": "INT"})
    assert refused[:2] == (409, "ALREADY_EXISTS")


def test_a_command_id_brings_the_first_answer_again(served: Served) -> None:
    first = served.good("PUT", "/v1/task-defs", {"name": "defs-id"}, command_id="defs-1")
    again = served.good("PUT", "/v1/task-defs", {"name": "defs-id"}, command_id="defs-1")
    other = served.refused("PUT", "/v1/task-defs", {"name": "defs-other"}, command_id="defs-1")

    assert (first["repeated"], again["repeated"]) == (False, True)
    assert other[:2] == (409, "COMMAND_ID_REUSED")


def test_a_wf_spec_has_versions(served: Served) -> None:
    served.a_task_def("defs-work")
    first = served.good("PUT", "/v1/wf-specs", one_task("defs-spec", "defs-work"))
    same = served.good("PUT", "/v1/wf-specs", one_task("defs-spec", "defs-work"))
    next_spec = one_task("defs-spec", "defs-work", max_attempts=3)
    second = served.good("PUT", "/v1/wf-specs?wait=all", next_spec)

    assert [answer["version"] for answer in (first, same, second)] == [1, 1, 2]
    newest = served.good("GET", "/v1/wf-specs/defs-spec")
    assert (newest["version"], newest["spec"]["threads"]) == (2, next_spec["spec"]["threads"])
    assert served.good("GET", "/v1/wf-specs/defs-spec?version=1")["version"] == 1
    assert {"name": "defs-spec", "version": 2} in served.good("GET", "/v1/wf-specs")["items"]
    asked = served.refused("GET", "/v1/wf-specs/defs-spec?version=9")
    assert asked[:2] == (404, "SPEC_UNKNOWN")


def test_an_update_that_is_not_allowed_is_refused(served: Served) -> None:
    served.a_task_def("defs-fixed")
    served.a_wf_spec("defs-fixed", "defs-fixed")
    body = one_task("defs-fixed", "defs-fixed", max_attempts=2)
    refused = served.refused("PUT", "/v1/wf-specs", {**body, "allowed_updates": "NO_UPDATES"})
    assert refused[:2] == (409, "ALREADY_EXISTS")


def test_an_event_def_is_registered_and_read(served: Served) -> None:
    served.good("PUT", "/v1/external-event-defs", {"name": "defs-event", "content_type": "INT"})
    read = served.good("GET", "/v1/external-event-defs/defs-event")
    assert (read["name"], read["content_type"]) == ("defs-event", "INT")
    assert read in served.good("GET", "/v1/external-event-defs")["items"]


def test_lists_come_in_pages(served: Served) -> None:
    names = [f"page-{number:02}" for number in range(7)]
    for name in names:
        served.good("PUT", "/v1/task-defs", {"name": name}, tenant="pages")
    seen: list[str] = []
    path = "/v1/task-defs?limit=3"
    cursor = ""
    while cursor is not None:
        page = served.good("GET", path + (cursor and f"&cursor={cursor}"), tenant="pages")
        assert len(page["items"]) <= 3
        seen += [item["name"] for item in page["items"]]
        cursor = page["cursor"]
    assert seen == names


def test_tenants_do_not_see_each_other(served: Served) -> None:
    served.good("PUT", "/v1/task-defs", {"name": "defs-mine"}, tenant="one")
    assert served.refused("GET", "/v1/task-defs/defs-mine", tenant="two")[0] == 404
    assert served.good("GET", "/v1/task-defs/defs-mine", tenant="one")["name"] == "defs-mine"


def test_a_definition_can_be_used_at_once_on_every_partition(served: Served) -> None:
    """A partition that is behind partition 0 refuses; the gateway waits and sends again."""
    served.good("PUT", "/v1/task-defs", {"name": "defs-at-once"})
    partitions: set[str] = set()
    for number in range(20):
        served.good("PUT", "/v1/wf-specs", one_task(f"at-once-{number}", "defs-at-once"))
        started = served.good("POST", "/v1/wf-runs", {"wf_spec": f"at-once-{number}"})
        partitions.add(started["position"].split(":")[0])
    assert len(partitions) == PARTITIONS


def test_a_struct_def_is_registered_and_gets_new_versions(served: Served) -> None:
    street = {"name": "street", "type": "STR"}
    floor = {"name": "floor", "type": "INT", "required": False, "default": 0, "masked": True}
    body = {"name": "defs-address", "fields": [street]}
    assert served.good("PUT", "/v1/struct-defs", body)["version"] == 1
    body["fields"] = [street, floor]
    assert served.good("PUT", "/v1/struct-defs?wait=all", body)["version"] == 2
    read = served.good("GET", "/v1/struct-defs/defs-address")
    assert (read["version"], read["fields"]) == (2, [street, floor])
    assert read in served.good("GET", "/v1/struct-defs")["items"]
    refused = served.refused("PUT", "/v1/struct-defs", {**body, "fields": [floor]})
    assert refused[:2] == (409, "ALREADY_EXISTS")
    assert served.refused("GET", "/v1/struct-defs/none")[:2] == (404, "STRUCT_DEF_UNKNOWN")


def test_types_with_parts_are_taken_over_http(served: Served) -> None:
    fields = [{"name": "n", "type": "INT"}]
    served.good("PUT", "/v1/struct-defs?wait=all", {"name": "defs-n", "fields": fields})
    served.a_task_def(
        "defs-parts",
        input_vars=[{"name": "items", "type": "ARRAY<STRUCT<defs-n>>", "masked": True}],
        return_type="MAP<STR,INT>",
    )
    read = served.good("GET", "/v1/task-defs/defs-parts")
    assert read["return_type"] == "MAP<STR,INT>"
    assert read["input_vars"] == [
        {"name": "items", "type": "ARRAY<STRUCT<defs-n>>", "masked": True}
    ]
    body = {"name": "defs-bad", "return_type": "ARRAY<TEXT>"}
    assert served.refused("PUT", "/v1/task-defs", body)[:2] == (400, "BAD_TYPE")
    body = {"name": "defs-bad", "input_vars": [{"name": "x", "type": "STRUCT<nobody>"}]}
    assert served.refused("PUT", "/v1/task-defs", body)[:2] == (400, "DEFINITION_UNKNOWN")


def test_a_struct_def_is_validated_before_it_is_registered(served: Served) -> None:
    """And is registered, or refused, as was said."""

    def says(*fields: dict[str, object], **more: object) -> tuple[object, ...]:
        body = {"fields": list(fields), **more}
        told = served.good("POST", "/v1/struct-defs/defs-validated/validate", body)
        put = served.call("PUT", "/v1/struct-defs?wait=all", {"name": "defs-validated", **body})
        if told["accepted"]:
            assert put.json()["version"] == told["version"]
        else:
            assert put.json()["error"] == {"code": told["code"], "message": told["message"]}
        return told["version"] or told["code"], put.json().get("repeated")

    city = {"name": "city", "type": "STR"}
    street = {"name": "street", "type": "STR", "required": False}
    assert says(city) == (1, False)
    assert says(city) == (1, True)
    assert says(city, street) == (2, False)
    assert says(city, {**street, "required": True})[0] == "ALREADY_EXISTS"
    assert says(street)[0] == "ALREADY_EXISTS"
    assert says(city, street, {"name": "more", "type": "STR"})[0] == "ALREADY_EXISTS"
    assert says(city, street, {"name": "more", "type": "NONE"})[0] == "BAD_TYPE"
    third = {"name": "third", "type": "INT", "required": False}
    assert says(city, street, third, allowed_updates="NO_UPDATES")[0] == "ALREADY_EXISTS"
    assert says(city, street, third) == (3, False)
    path = "/v1/struct-defs/defs-nobody/validate"
    assert served.good("POST", path, {"fields": [city]})["version"] == 1
    assert served.refused("GET", "/v1/struct-defs/defs-nobody")[0] == 404
    assert served.refused("POST", path, {"field": []})[:2] == (400, "BAD_REQUEST")
