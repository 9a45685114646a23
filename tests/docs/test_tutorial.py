"""docs/tutorial, followed word by word in an empty directory; and that a lie would be found."""

from pathlib import Path

import pytest

from tests.docs.blocks import blocks_of
from tests.docs.following import Differs, followed, matches, tutorial, typed


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_newcomer_ends_where_the_tutorial_says(tmp_path: Path) -> None:
    pages = tutorial()
    assert [page.name[0] for page in pages] == list("123456")
    followed(pages, tmp_path)
    assert (tmp_path / ".penstock" / "log").is_dir()


def test_each_file_grows_in_its_step() -> None:
    files = [
        block.text for page in tutorial() for block in blocks_of(page) if block.title == "shop.py"
    ]
    assert len(files) == 5
    assert [len(text) for text in files] == sorted(len(text) for text in files)


def test_what_is_shown_must_be_said() -> None:
    assert matches("10:00:00.000  run RUNNING\n", "11:22:33.444   run RUNNING  \n")
    assert matches("a ... c", "a b c") and matches("a\n...\nd", "a\nb\nc\nd")
    assert not matches("a", "b") and not matches("a", "a\nb") and not matches("a.c", "abc")


def test_commands_are_told_from_what_they_say() -> None:
    assert list(typed("$ a\nsaid\n$ b\n^C\n")) == [("a", "said\n"), ("b", ""), ("^C", "")]


def test_a_page_that_shows_what_is_not_so_is_found(tmp_path: Path) -> None:
    lies = tmp_path / "lies.md"
    lies.write_text("```console\n$ echo one\ntwo\n```\n")
    with pytest.raises(Differs, match="echo one"):
        followed([lies], tmp_path)
