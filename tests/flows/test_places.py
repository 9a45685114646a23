"""A mistake within a text is told where it stands: in blocks, behind quotes, in folded lines."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from penstock.flows.compiler import compile_flow
from penstock.flows.document import FlowError, Node, read
from penstock.flows.reader import read_flow

HEAD = "id: f\nnamespace: company.team\n"
TASK = HEAD + "tasks:\n  - id: a\n    type: return\n    format: "


def mistakes(document: str) -> list[str]:
    with pytest.raises(FlowError) as refused:
        compile_flow(read_flow(document))
    return [str(mistake) for mistake in refused.value.mistakes]


def at(document: str, sought: str) -> str:
    """The only place of a text in a document, as a mistake names it."""
    assert document.count(sought) == 1, "it stands there once"
    *before, last = document[: document.index(sought)].split("\n")
    return f"line {len(before) + 1}, column {len(last) + 1}: "


TEXTS = [
    "|\n      first {{ 1 }}\n\n        more\n      then {{ a b }}\n",
    "|\n      {{ a b }}\n",
    "|2-  # what follows\n        {{ a b }}\n",
    "|+\n\n\n      {{ a b }}\n\n",
    ">\n      one\n      two {{ a b }}\n\n      three\n",
    ">\n      one\n\n\n        deeper\n      {{ a b }}\n",
    ">-\n\n      one\n        * {{ a b }}\n        * two\n      three\n",
    "&anchor |\n      one\n      {{ a b }}\n",
    "!!str |\n      one\n      {{ a b }}\n",
    "!!str\n      |\n      one\n      {{ a b }}\n",
    "|\n      one\n      {%- if 1 -%}\n      {{ a b }}{% endif %}\n",
    "one {{ a b }}\n",
    "one\n      two\n\n      three {{ a b }}\n",
    "'{{ a b }}'\n",
    "'it''s\n\n\n      {{ a b }}'\n",
    '"{{ a b }}"\n',
    '"\\x41\\u0042\\U00000043\\n\\"{{ a b }}"\n',
    '"one \\\n      two\n      {{ a b }}"\n',
    '&x "{{ a b }}"\n',
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_mistake_in_a_text_has_its_own_place(text: str, ends: str) -> None:
    document = TASK + text
    [said] = mistakes(document.replace("\n", ends))
    assert said == at(document, "b }}") + "template: 'b' is not expected here"


@pytest.mark.parametrize(
    ("text", "sought", "said"),
    [
        ("|\n      x\n      {{ now() | nop }}\n", "nop", "filter 'nop' is not known"),
        ("|\n      x\n      {{ nop() }}\n", "nop", "function 'nop' is not known"),
        ("|\n      x\n      {{ 1 is nop }}\n", "nop", "test 'nop' is not known"),
        ("|\n      x\n      {% nop %}\n", "nop", "tag 'nop' is not known"),
        ("|\n      x\n      {% if 1 %}\n      y\n", "if 1", "there is no endif"),
        ("|\n      x\n      {% for i in [1] %}\n      y\n", "for i", "there is no endfor"),
        ("|\n      x\n      {{ 1\n", "{{ 1", "there is no }}"),
        ("|\n      x\n      {{ nope }}\n", "nope }}", "'nope', which is never there"),
        ("|\n      x\n      {{ inputs.nope }}\n", "inputs.", "'inputs.nope', which is never"),
        ("|\n      x\n      {{ 1 }}{{ secret('k') }}\n", "secret", "only a worker knows a secret"),
    ],
)
def test_so_has_each_kind_of_mistake(text: str, sought: str, said: str) -> None:
    document = TASK + text
    [found] = mistakes(document)
    assert found.startswith(at(document, sought)), found
    assert said in found


def test_json_in_a_block_is_wrong_where_it_is() -> None:
    document = (
        HEAD + "inputs:\n  - id: given\n    type: JSON\n    defaults: |\n"
        '      {"a": 1,\n       "b": two}\n'
        "tasks: [{id: a, type: return}]\n"
    )
    [said] = mistakes(document)
    assert said == at(document, "two") + "defaults of input 'given' is no JSON: Expecting value"


PLAIN = st.characters(categories=("Lu", "Ll", "Nd"), max_codepoint=0x17F)
TEXT = st.text(PLAIN | st.sampled_from(" \n\n'\"\\#:-|>{}\t\u2028"), max_size=60)


@given(TEXT, st.sampled_from([None, "|", ">", "'", '"']), st.integers(8, 40))
def test_every_character_is_where_it_is_said_to_be(text: str, style: str, width: int) -> None:
    """Of what can be told apart: a letter or a digit has no escape."""
    document = yaml.safe_dump(
        {"a": [{"b": text}]}, default_style=style, width=width, allow_unicode=True
    )
    [item] = read(document).fields["a"].items
    found = item.fields["b"]
    lines = document.replace("\u2028", "\n").split("\n")
    if isinstance(found.value, str):
        for index, letter in enumerate(found.value):
            _stands_there(found, index, letter, lines)


def _stands_there(found: Node, index: int, letter: str, lines: list[str]) -> None:
    mark = found.mark_of(index)
    if letter.isalnum() and mark != found.mark:
        assert lines[mark.line - 1][mark.column - 1] == letter


@example("0\u2028\n", "'")
@example("0\u2028\n\n0", '"')
@given(TEXT.filter(str.strip), st.sampled_from(["|", ">", "'", '"']))
def test_a_place_is_told_wherever_it_can_be(text: str, style: str) -> None:
    """What our own writer makes of a text is never too much for us."""
    document = yaml.safe_dump({"b": text}, default_style=style, width=20, allow_unicode=True)
    found = read(document).fields["b"]
    assert found.written is not None
    assert found.written.behind(found.value, len(found.value) - 1) is not None
