"""pydantic's models as inputs, variables, outputs, events and checkpoints; and nobody has to have
pydantic.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Generic, TypeVar

import pytest
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    computed_field,
    field_validator,
)

from penstock import (
    Client,
    DefinitionError,
    RunFailed,
    TaskContext,
    TaskError,
    Worker,
    for_each,
    if_,
    return_,
    task,
    wait_for_event,
    workflow,
)
from penstock.core.values.types import ValueType
from penstock.testing import Engine

T = TypeVar("T")


class Line(BaseModel):
    item: str
    count: int = Field(gt=0)


class Order(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    id: int = Field(alias="orderId")
    due: date
    lines: list[Line]
    total: Decimal = Decimal(0)

    @computed_field
    @property
    def size(self) -> int:
        return sum(line.count for line in self.lines)


class Page(BaseModel, Generic[T]):
    items: list[T]


class Names(RootModel[list[str]]):
    pass


class Card(BaseModel):
    number: str

    @field_validator("number")
    @classmethod
    def _checked(cls, number: str) -> str:
        if not number.isdecimal():
            raise ValueError("digits alone")
        return number


@dataclass
class Parcel:
    order: Order
    note: str | None = None


ORDER = Order(orderId=7, due=date(2026, 3, 1), lines=[Line(item="book", count=2)])
PLAIN = {
    "orderId": 7,
    "due": "2026-03-01",
    "lines": [{"item": "book", "count": 2}],
    "total": "0",
}


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine() as made:
        yield made


@task
def md_priced(order: Order) -> Order:
    assert isinstance(order, Order) and isinstance(order.lines[0], Line)
    return order.model_copy(update={"total": Decimal("9.90") * order.size})


@task
async def md_packed(order: Order, names: Names, lines: list[Line]) -> Parcel:
    assert [line.count for line in lines] == [2] and names.root == ["ada"]
    return Parcel(order)


@workflow
async def md_shop(order: Order, names: Names) -> Parcel:
    priced = md_priced(order)
    return await md_packed(priced, names, priced.lines)


def test_models_go_in_and_come_out(engine: Engine) -> None:
    engine.register(md_shop)
    run = engine.run(md_shop, order=ORDER, names=Names(["ada"]))
    parcel = run.result()
    assert parcel == Parcel(ORDER.model_copy(update={"total": Decimal("19.80")}))
    assert engine.inputs(md_priced)[0]["order"] == PLAIN
    assert run.variables() == {"order": PLAIN, "names": ["ada"]}


def test_they_have_types_and_fields() -> None:
    assert md_priced.input_types["order"] is ValueType.JSON_OBJ
    assert md_packed.input_types["names"] is ValueType.JSON_ARR

    @task(name="md-ids")
    def ids(page: Page[Line], order_id: int) -> int:
        return order_id

    @workflow(name="md-fields")
    def fields(order: Order, pages: Page[Line]) -> int:
        with if_(order.lines[0].count > 1), for_each(pages.items) as line:
            md_counted(line.item)
        return ids(pages, order.id)

    spec = fields.spec.threads["entrypoint"]
    assert [one.type for one in spec.variables] == ["JSON_OBJ", "JSON_OBJ"]
    assert "$.orderId" in str(spec)

    @workflow(name="md-none")
    def none(order: Order) -> str:
        return order.colour  # type: ignore[attr-defined]

    with pytest.raises(DefinitionError, match=r"Order has no 'colour'; it has \['due', 'lines'"):
        _ = none.spec


@task
def md_counted(item: str) -> None:
    pass


@task
def md_paid(card: Card) -> None:
    pass


@workflow
def md_pay(card: Card) -> None:
    md_paid(card)


def test_what_is_wrong_is_told_without_its_values(engine: Engine) -> None:
    engine.register(md_pay)
    run = engine.client.run("md_pay", card={"number": "swordfish"})
    with pytest.raises(
        RunFailed, match="inputs of md_paid: Card: number: Value error, digits alone"
    ) as told:
        run.result()
    assert "swordfish" not in str(told.value)
    with pytest.raises(TypeError, match="Card: number: Field required"):
        engine.run(md_pay, card={})
    assert engine.run("md_pay", card=Card(number="42")).result() is None


def test_an_output_that_is_no_model_is_refused(engine: Engine) -> None:
    @task(name="md-wrong")
    def wrong() -> Line:
        return Line.model_construct(item="book", count=0)

    @workflow(name="md-wrongly")
    def wrongly() -> Line:
        return wrong()

    engine.register(wrongly)
    with pytest.raises(RunFailed, match="Line: count: Input should be greater than 0"):
        engine.run(wrongly).result()


def test_events_exceptions_and_checkpoints_have_them(engine: Engine) -> None:
    @task(name="md-putting", max_attempts=2)
    def putting(ctx: TaskContext, order: Order) -> Line:
        if ctx.attempt == 1:
            ctx.checkpoint(order)
            raise ConnectionError("the line is down")
        found = ctx.last_checkpoint(Order)
        assert found == ORDER
        raise TaskError("SOLD_OUT", content=ORDER.lines[0])

    @workflow(name="md-events")
    def events() -> Line:
        order = wait_for_event("ordered", type=Order)
        with if_(order.id == 7):
            putting(order)
        return_(order.lines[0])

    engine.register(events)
    run = engine.run(events)
    run.put_event("ordered", ORDER)
    with pytest.raises(RunFailed) as failed:
        run.result()
    assert (failed.value.code, failed.value.content) == ("SOLD_OUT", {"item": "book", "count": 2})


def test_a_default_may_be_one(engine: Engine) -> None:
    @task(name="md-defaults")
    def line(line: Line = Line(item="pen", count=1)) -> Line:  # noqa: B008
        return line

    @workflow(name="md-default")
    def default() -> Line:
        return line()

    engine.register(default)
    assert engine.run(default).result() == Line(item="pen", count=1)


def test_over_http(client: Client, server: str) -> None:
    client.register(md_shop)
    with Worker(md_shop, url=server):
        parcel = client.run(md_shop, order=ORDER, names=Names(["ada"])).result(timeout=30)
    assert (parcel.order.total, parcel.order.due) == (Decimal("19.80"), date(2026, 3, 1))


def test_pydantic_is_loaded_by_none_but_its_users() -> None:
    """A task with a dataclass, registered and run, does without."""
    script = """
import sys
from dataclasses import dataclass
from penstock import task, workflow
from penstock.testing import Engine

@dataclass
class Point:
    x: int

@task
def moved(point: Point) -> Point:
    return Point(point.x + 1)

@workflow
def move(point: Point) -> Point:
    return moved(point)

with Engine(move) as engine:
    assert engine.run(move, point=Point(1)).result() == Point(2)
print(sorted(name for name in sys.modules if name.startswith("pydantic")))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr


def test_a_value_of_no_kind_is_refused_as_before() -> None:
    class Odd:
        pass

    with pytest.raises(DefinitionError, match="or a pydantic model"):

        @task(name="md-odd")
        def odd(it: Odd) -> Any:
            return it


class WrittenOtherwise(BaseModel):
    total: int = Field(validation_alias="in_total", serialization_alias="outTotal")


class ReadOtherwise(BaseModel):
    total: int = Field(validation_alias="in_total")


class ReadDeep(BaseModel):
    total: int = Field(validation_alias=AliasPath("sums", 0))


class NotByAlias(BaseModel):
    model_config = ConfigDict(validate_by_alias=False, validate_by_name=True)

    total: int = Field(alias="sum")


@dataclass
class Holds:
    inner: list[WrittenOtherwise] | None = None


class ReadBoth(BaseModel):
    total: int = Field(
        validation_alias=AliasChoices("in_total", "outTotal"), serialization_alias="outTotal"
    )


class ByName(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    total: int = Field(validation_alias="in_total")


class Generated(BaseModel):
    model_config = ConfigDict(alias_generator=str.upper)

    total: int
    inner: list[ReadBoth] = []


class WithoutIt(BaseModel):
    total: int = 0
    unseen: int = Field(0, validation_alias="other", exclude=True)


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        (WrittenOtherwise, "'total' is written as 'outTotal' and read as 'in_total'"),
        (ReadOtherwise, "'total' is written as 'total' and read as 'in_total'"),
        (ReadDeep, "'total' is written as 'total' and read as"),
        (NotByAlias, "'total' is written as 'sum' and read as 'total'"),
        (list[WrittenOtherwise], "model WrittenOtherwise"),
        (dict[str, ReadOtherwise] | None, "model ReadOtherwise"),
        (Holds, "model WrittenOtherwise"),
        (Page[WrittenOtherwise], "model WrittenOtherwise"),
    ],
)
def test_a_model_that_reads_not_what_it_writes_is_refused_where_it_is_declared(
    hint: Any, said: str
) -> None:
    def taking(given: Any) -> None: ...
    def giving() -> Any: ...

    taking.__annotations__["given"] = giving.__annotations__["return"] = hint
    for function in (taking, giving):
        with pytest.raises(DefinitionError) as refused:
            task(function)
        assert said in str(refused.value)
        assert "one `alias` for both" in str(refused.value)


@pytest.mark.parametrize("model", [ReadBoth, ByName, Generated, WithoutIt])
def test_a_model_that_reads_what_it_writes_is_taken(model: type[BaseModel]) -> None:
    made = model.model_validate({"total": 3, "in_total": 3, "TOTAL": 3})

    def passing(given: Any) -> Any:
        assert type(given) is model
        return given

    passing.__annotations__.update({"given": model, "return": model})
    step = task(name=f"m-passing-{model.__name__}")(passing)

    def carry(given: Any) -> Any:
        return step(given)

    carry.__annotations__.update({"given": model, "return": model})
    carried = workflow(name=f"m-carry-{model.__name__}")(carry)
    with Engine(carried) as engine:
        assert engine.run(carried, given=made).result() == made
