"""Expressions: what each form comes to, its faults, and the bounds of the evaluator."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.core.values.comparing import Comparator
from penstock.core.values.expressions import Evaluation, evaluate, evaluate_as, is_true
from penstock.core.values.formats import formatted, parse_format
from penstock.core.values.forms import (
    Built,
    Cast,
    Comparison,
    Expression,
    Format,
    Literal,
    Not,
    Now,
    Operated,
    OutputRef,
    Rendered,
    SizeOf,
    Template,
    Uuid,
    VariableRef,
    check_form,
    children,
)
from penstock.core.values.operations import Operation
from penstock.core.values.templates.names import Found, Names, Undefined
from penstock.core.values.types import StructField, ValueProblem, parse_type
from penstock.core.values.value import check_bounds, encode_value
from tests.controls import (
    a_struct,
    cast,
    compare,
    formats,
    literal,
    negated,
    now,
    operate,
    output_of,
    size_of,
    template,
    uuid,
    variable,
)

STRUCTS = {
    "item": {
        "name": StructField("name", "STR"),
        "count": StructField("count", "INT", required=False, default=1),
    }
}


class AScope:
    """Names for tests."""

    def __init__(self, seed: str = "here", **variables: Any) -> None:
        self._seed = seed
        self._variables = variables

    def variable(self, name: str) -> Any:
        if name not in self._variables:
            raise ValueProblem(f"no variable {name!r}")
        return self._variables[name]

    def output(self, node: str) -> Any:
        return {"of": node}

    def variable_type(self, name: str) -> str | None:
        return "ARRAY<MAP<STR,INT>>" if name == "maps" else None

    def output_type(self, node: str) -> str | None:
        return "MAP<STR,STR>"

    def struct(self, name: str) -> Mapping[str, StructField] | None:
        return STRUCTS.get(name)

    def now_ms(self) -> int:
        return 1_700_000_000_123

    def seed(self) -> tuple[str | int, ...]:
        return (self._seed,)

    def pay(self, steps: int, parts: int) -> None:
        """Nothing is counted here."""

    def template_names(self, spend: Callable[[int], None]) -> Names:
        return self

    def root(self, name: str) -> Found:
        return self._variables[name] if name in self._variables else Undefined(name)


SCOPE = AScope(
    n=5, big="x" * 200_000, obj={"a": [1, {"b": 2.5}]}, flag=True, nothing=None, maps=[{"a": 1}]
)


def read(form: Any) -> Expression:
    """An expression as it is read from JSON."""
    return msgspec.json.decode(msgspec.json.encode(form), type=Expression)


@pytest.mark.parametrize(
    ("form", "value"),
    [
        (literal([1, None]), [1, None]),
        (variable("n"), 5),
        (variable("obj", "$.a[1].b"), 2.5),
        (variable("nothing", "$.a.b"), None),
        (variable("obj", "$.a[9].b"), None),
        (variable("obj", "$.a[-2]"), 1),
        (variable("maps", "$[0].a"), 1),
        (variable("maps", "$[0].none"), None),
        (output_of("x", "$.of"), "x"),
        (compare(variable("n"), "EQUALS", literal(5)), True),
        (compare(literal("a"), "IN", literal(["a"])), True),
        (compare(literal(None), "LESS_THAN", variable("n")), True),
        (operate(variable("n"), "ADD", literal(1)), 6),
        (operate(literal(True), "AND", variable("flag")), True),
        (negated(variable("flag")), False),
        (size_of(variable("obj")), 1),
        (cast("INT", literal("12")), 12),
        (cast("STR", variable("n")), "5"),
        (cast("ARRAY<INT>", literal([1])), [1]),
        (formats("{1}-{0}{{}}", literal("a"), variable("n")), "5-a{}"),
        (
            formats("{0}|{1}|{2}", literal(None), literal([1, "x"]), literal(True)),
            'null|[1,"x"]|true',
        ),
        (a_struct("item", name=literal("pen")), {"name": "pen", "count": 1}),
        (a_struct("item", name=variable("n"), count=literal(2)), {"name": "5", "count": 2}),
        (now(), "2023-11-14T22:13:20.123Z"),
        (uuid(), "50b99b7d-5c00-8d7f-9f84-fad27095c454"),
        (template("{{ n }}"), 5),
        (template("{{ n }}", "TEXT"), "5"),
        (template("n is {{ n }}"), "n is 5"),
        (template("{{ nothing }}"), None),
        (template("{{ nothing }}", "TEXT"), ""),
        (
            template(["{{ n }}", {"k{{ n }}": ["{{ obj.a }}", 1, None]}]),
            [5, {"k5": [[1, {"b": 2.5}], 1, None]}],
        ),
        (template({"b": "{{ n }}", "a": 1}, "TEXT"), '{"a":1,"b":5}'),
        (template("{{ n > 4 }}", "TRUTH"), True),
        (template(" -0 ", "TRUTH"), False),
        (template("{{ nothing }}", "TRUTH"), False),
        (template(False, "TRUTH"), False),
    ],
)
def test_what_forms_come_to(form: Any, value: Any) -> None:
    """Each as it stands in a spec."""
    expression = read(form)
    check_form(expression)
    assert evaluate(expression, SCOPE) == value


@pytest.mark.parametrize(
    ("form", "says"),
    [
        (variable("no"), "no variable 'no'"),
        (variable("n", "$.a"), "can not be looked up in INT"),
        (variable("maps", "$[1]"), "index 1 is not there; it has 1 items"),
        (variable("maps", "$[1].a"), "index 1 is not there; it has 1 items"),
        (compare(variable("n"), "EQUALS", literal("5")), "can not be compared"),
        (operate(variable("nothing"), "ADD", literal(1)), "the left side is NULL"),
        (operate(variable("n"), "AND", literal(True)), "AND wants BOOL, not INT"),
        (operate(literal(True), "AND", literal(None)), "AND wants BOOL, not NULL"),
        (negated(variable("nothing")), "NOT wants BOOL, not NULL"),
        (size_of(variable("n")), "INT has no size"),
        (cast("INT", literal("x")), "STR 'x' is not INT"),
        (cast("BOOL", variable("n")), "Cannot cast from INT to BOOL"),
        (a_struct("item"), "field 'name'"),
        (a_struct("item", name=literal("a"), x=literal(1)), "has no field 'x'"),
        (a_struct("item", name=literal([])), "is not STR"),
        (a_struct("none"), "there is no StructDef 'none'"),
        (operate(variable("big"), "ADD", variable("big")), "at most"),
        (formats("{0}{0}", variable("big")), "at most"),
        (template("{{ no }}"), "no is not there"),
        (template("{{ big }}{{ big }}"), "at most"),
        (template(["{{ big }}"] * 20), "10000 steps"),
        (template({"{{ n }}": 1, "5": 2}), "two keys of an object are both '5'"),
        (template("{{ render('{{ secret(1) }}') }}"), "only a worker knows a secret"),
    ],
)
def test_what_forms_can_not_come_to(form: Any, says: str) -> None:
    """Said in words."""
    with pytest.raises(ValueProblem, match=says):
        evaluate(read(form), SCOPE)


@pytest.mark.parametrize(
    ("form", "says"),
    [
        (variable("n", "a"), "must begin with"),
        (literal([[0] * 300_000]), "at most"),
        (cast("TEXT", literal(1)), "is no type"),
        (operate(literal(1), "ASSIGN", literal(1)), "ASSIGN is an operation of mutations"),
        (formats("{"), "at character 1"),
        (formats("ab}c"), "at character 3"),
        (formats("{a}"), "at character 1"),
        (formats("{-1}"), "at character 1"),
        (formats("{0}"), "{0} is not there; it has 0 args"),
        (formats("{2}", literal(1)), "{2} is not there; it has 1 args"),
        (formats("", *[literal(1)] * 101), "a format may have 100"),
        (template("a {{ b"), "$: template, character 3: there is no }}"),
        (template({"a": [1, "{{ x | foo }}"]}), "$.a[1]: template, character"),
        (template({"{% if %}": 1}), "$, key '{% if %}': template"),
        (template("x" * 70_000), "a template may have 65536 characters"),
        (template(["x" * 60_000] * 5), "at most"),
        (template("key: {{ secret('key') }}"), "$: only a worker knows a secret"),
        (template({"a": "{% if 1 %}{{ [secret('key')] }}{% endif %}"}), "$.a: only a worker"),
    ],
)
def test_forms_that_can_never_be_right(form: Any, says: str) -> None:
    """Are seen without any values."""
    with pytest.raises(ValueProblem) as caught:
        check_form(read(form))
    assert says in str(caught.value)


def test_and_and_or_look_at_the_right_side_only_if_they_must() -> None:
    """So that a null can be guarded against."""
    broken = operate(variable("nothing"), "ADD", literal(1))
    assert evaluate(read(operate(literal(False), "AND", broken)), SCOPE) is False
    assert evaluate(read(operate(literal(True), "OR", broken)), SCOPE) is True


@pytest.mark.parametrize("value", [None, 1, "true"])
def test_a_condition_is_a_bool(value: Any) -> None:
    """Nothing is taken for true."""
    with pytest.raises(ValueProblem, match="must be BOOL"):
        is_true(Literal(value), SCOPE)
    assert is_true(Literal(True), SCOPE)


def test_a_number_that_is_worked_out_is_cut_when_it_becomes_an_int() -> None:
    """One that is given is not."""
    product = read(operate(variable("n"), "MULTIPLY", literal(1.5)))
    assert evaluate(product, SCOPE) == 7.5
    assert evaluate_as(product, "INT", SCOPE) == 7
    assert evaluate_as(product, "STR", SCOPE) == "7.5"
    with pytest.raises(ValueProblem, match="is not INT; cast it"):
        evaluate_as(Literal(7.5), "INT", SCOPE)
    huge = read(operate(literal(1e300), "MULTIPLY", literal(1)))
    with pytest.raises(ValueProblem, match="does not fit in an INT"):
        evaluate_as(huge, "INT", SCOPE)


def test_uuids_are_derived() -> None:
    """From the place, its part and the number within it; never drawn."""
    evaluation = Evaluation(SCOPE, "a")
    first, second = evaluation.value(Uuid()), evaluation.value(Uuid())
    others = [evaluate(Uuid(), SCOPE, "b"), evaluate(Uuid(), AScope("there"), "a")]
    assert len({first, second, *others}) == 4
    assert evaluate(Uuid(), SCOPE, "a") == first
    assert all(text[14] == "8" and text[19] in "89ab" and len(text) == 36 for text in others)


def test_the_steps_are_bounded() -> None:
    """Whether they are many or each reads much."""
    many: Expression = VariableRef("n")
    for _ in range(14):
        many = Operated(many, Operation.SUBTRACT, many)
    with pytest.raises(ValueProblem, match="more than 10000 steps"):
        evaluate(many, SCOPE)
    big = tuple(SizeOf(Cast("STR", VariableRef("big"))) for _ in range(60))
    with pytest.raises(ValueProblem, match="more than 10000 steps"):
        evaluate(Format("", big), SCOPE)


@pytest.mark.parametrize(
    ("template", "pieces"),
    [
        ("", ()),
        ("a", ("a",)),
        ("{0}", (0,)),
        ("a{12}b{0}", ("a", 12, "b", 0)),
        ("{{0}}", ("{", "0", "}")),
        ("{{{0}}}", ("{", 0, "}")),
    ],
)
def test_templates(template: str, pieces: tuple[str | int, ...]) -> None:
    """Braces are doubled."""
    assert parse_format(template) == pieces


@given(st.text())
def test_any_text_can_be_a_template(text: str) -> None:
    """Once its braces are doubled."""
    assert formatted(text.replace("{", "{{").replace("}", "}}"), []) == text


@given(st.permutations(["b", "a", "c"]))
def test_json_in_a_text_does_not_depend_on_the_order_of_keys(keys: list[str]) -> None:
    """Whether the object has been in a row or not (I1)."""
    assert formatted("{0}", [dict.fromkeys(keys, b"hi")]) == '{"a":"aGk=","b":"aGk=","c":"aGk="}'


plain = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "1", "true", "aGk=", "2026-01-01T00:00:00Z", "run-1", "item"])
    | st.text(max_size=5)
)
values = plain | st.lists(plain, max_size=3) | st.dictionaries(st.text(), plain, max_size=3)
TYPES = ["INT", "DOUBLE", "BOOL", "STR", "BYTES", "TIMESTAMP", "WF_RUN_ID", "JSON_OBJ", "JSON_ARR"]
TYPES += ["ARRAY<INT>", "MAP<INT,STR>", "STRUCT<item>", "STRUCT<none>"]
paths = st.none() | st.sampled_from(["$", "$.a", "$.a[1].b", "$[0]", "$[-1]"])

expressions: st.SearchStrategy[Expression] = st.recursive(
    st.builds(Literal, values)
    | st.builds(VariableRef, st.sampled_from(["n", "obj", "flag", "nothing", "no"]), paths)
    | st.builds(OutputRef, st.just("node"), paths)
    | st.just(Now())
    | st.just(Uuid())
    | st.builds(
        Template,
        st.recursive(
            st.sampled_from(["{{ n }}", "{{ obj }}", "a{{ uuid() }}", "{{ no ?? 1 }}", "{{", 1]),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("{}n "), inner),
            max_leaves=5,
        ),
        st.sampled_from(Rendered),
    ),
    lambda inner: (
        st.builds(Comparison, inner, st.sampled_from(Comparator), inner)
        | st.builds(Operated, inner, st.sampled_from(Operation), inner)
        | st.builds(Not, inner)
        | st.builds(SizeOf, inner)
        | st.builds(Cast, st.sampled_from(TYPES), inner)
        | st.builds(Format, st.text("{}01ab"), st.tuples(inner, inner))
        | st.builds(
            Built,
            st.sampled_from(["item", "none"]),
            st.dictionaries(st.sampled_from(["name", "count", "x"]), inner),
        )
    ),
    max_leaves=12,
)


@settings(max_examples=400)
@given(expressions, st.sampled_from(TYPES))
def test_every_expression_is_a_value_or_a_problem(expression: Expression, wanted: str) -> None:
    """The evaluator raises nothing else, and what it makes is within bounds and the same again."""
    outcome = outcome_of(expression)
    assert outcome_of(expression) == outcome
    if isinstance(outcome, str):
        return
    value = evaluate(expression, SCOPE)
    check_bounds(value)
    try:
        fitted = evaluate_as(expression, wanted, SCOPE)
    except ValueProblem:
        return
    again = Evaluation(SCOPE).settled(fitted, parse_type(wanted), cut=False)
    assert encode_value(again) == encode_value(fitted)


def outcome_of(expression: Expression) -> bytes | str:
    """The bytes of the value, or what the problem is."""
    try:
        return encode_value(evaluate(expression, SCOPE))
    except ValueProblem as problem:
        return str(problem)


@given(expressions)
def test_every_expression_goes_through_json(expression: Expression) -> None:
    """As a spec does."""
    assert read(expression) == expression


def test_each_form_tells_its_children() -> None:
    """Or a part of it would not be checked."""
    leaf = Literal(1)
    forms: list[Expression] = [
        Comparison(leaf, Comparator.EQUALS, leaf),
        Operated(leaf, Operation.ADD, leaf),
        Not(leaf),
        SizeOf(leaf),
        Cast("INT", leaf),
        Format("", (leaf, leaf)),
        Built("item", {"name": leaf, "count": leaf}),
    ]
    assert [len(children(form)) for form in forms] == [2, 2, 1, 1, 1, 2, 2]
