"""docs/reference/ is what the code says, and every code has its row."""

import re
from enum import StrEnum

import pytest

from penstock import config
from penstock.cli import main
from penstock.core.commands import COMMANDS
from penstock.core.errors import Code
from penstock.core.nodes import NODE_TYPES
from penstock.core.state.failures import FailureName
from penstock.gateway.errors import EdgeCode
from penstock.gateway.failure_remedies import OF_FAILURES
from penstock.gateway.remedies import OF_REFUSALS, OF_STOPS, OF_THE_EDGE
from penstock.processor.errors import StopCause
from tests.docs.reference.__main__ import FOLDER, differences


def test_the_pages_are_what_the_code_says() -> None:
    assert differences() == []


@pytest.mark.parametrize(
    ("codes", "explained"),
    [
        (Code, OF_REFUSALS),
        (EdgeCode, OF_THE_EDGE),
        (StopCause, OF_STOPS),
        (FailureName, OF_FAILURES),
    ],
)
def test_every_code_says_what_to_do(codes: type[StrEnum], explained: dict[str, tuple]) -> None:
    assert set(explained) == set(codes)
    for means, mend in explained.values():
        assert means and mend and not (means + mend).endswith(".")


def test_every_node_and_command_has_its_part() -> None:
    for page, names in (
        ("nodes.md", [node.name for node in NODE_TYPES]),
        ("commands.md", [kind.record.__name__ for kind in COMMANDS]),
    ):
        text = (FOLDER / page).read_text()
        missing = [one for one in names if f"## {one}\n" not in text and f"| `{one}` |" not in text]
        assert missing == []


def test_every_variable_of_the_environment_is_told() -> None:
    named = {
        value
        for name, value in vars(config).items()
        if re.fullmatch(r"\w+_(VARIABLE|PREFIX)", name)
    }
    told = {name.removesuffix("NAME") for name in config.ENVIRONMENT}
    assert named == told


def test_a_code_is_explained_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "limit"]) == 0
    said = capsys.readouterr().out
    assert "LIMIT (refusal): there is more" in said
    assert "LIMIT (failure of a run): " in said
    assert main(["explain", "NO_SUCH_CODE"]) == 3
    assert "no code has the name" in capsys.readouterr().err
