"""What docs/DEPLOY.md says of the files in deploy/ is what they say."""

from __future__ import annotations

import re

import pytest

from penstock.contracts.topics import task_topic
from tests.deploy.composed import run_script
from tests.deploy.described import DEPLOY, ROOT
from tests.deploy.test_watched import anchors

PAGE = ROOT / "docs" / "DEPLOY.md"
ACLS = DEPLOY / "kafka" / "acls.sh"


def test_the_rights_on_the_page_are_those_of_the_script() -> None:
    wanted = [
        *(("engine", "engine"), ("worker", "mailer", "shop", "send_mail"), ("auditor", "ann")),
    ]
    printed = [run_script(ACLS, *words, CLUSTER="main", DRY_RUN="1") for words in wanted]
    assert f"```text\n{''.join(printed)}```" in PAGE.read_text()


@pytest.mark.parametrize("name", ["charge", "send_mail", "a.b_c..d__", "x" * 200])
def test_the_script_knows_the_names_of_topics(name: str) -> None:
    printed = run_script(ACLS, "worker", "w", "shop", name, CLUSTER="main", DRY_RUN="1")
    topic = task_topic("main", "shop", name)
    assert f"--topic {topic} --group {topic}\n" in printed


def test_a_name_that_is_cut_is_not_guessed() -> None:
    long = "x" * 240
    assert len(task_topic("main", "shop", long)) < len(f"main.tasks.shop.{long}")
    with pytest.raises(AssertionError, match="is too long"):
        run_script(ACLS, "worker", "w", "shop", long, CLUSTER="main", DRY_RUN="1")


@pytest.mark.parametrize("words", [(), ("engine",), ("worker", "w"), ("nobody", "x"), ("x",) * 5])
def test_wrong_words_give_nobody_rights(words: tuple[str, ...]) -> None:
    with pytest.raises(AssertionError, match=r"acls\.sh engine USER"):
        run_script(ACLS, *words, DRY_RUN="1")


def test_what_the_page_leads_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#]*)(?:#([\w-]+))?\)", PAGE.read_text())
    assert len(links) > 10
    for file, anchor in links:
        target = (PAGE.parent / file).resolve() if file else PAGE
        assert target.exists(), file
        assert not anchor or anchor in anchors(target), f"{file}#{anchor}"


def test_other_pages_lead_here() -> None:
    for page in ("README.md", "docs/OPERATIONS.md", "docs/SECURITY.md"):
        assert "DEPLOY.md" in (ROOT / page).read_text(), page
