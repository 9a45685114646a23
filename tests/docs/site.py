"""Builds the site: python -m tests.docs.site

The pages of docs/ stand as they are, with README.md as the first one. What a link leads to outside
of docs/ is named, and not linked. `llms.txt` lists the pages with what each is about, and
`llms-full.txt` is all of them. A warning is an error.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.docs.blocks import ROOT

SOURCE: Final = ROOT / "build" / "site-source"
SITE: Final = ROOT / "build" / "site"
CONFIG: Final = ROOT / "mkdocs.yml"
DOCS: Final = ROOT / "docs"
_LINK: Final = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")
_MADE: Final = re.compile(r"^<!--.*?-->\n\n", re.DOTALL)


def prepare(source: Path = SOURCE) -> list[Path]:
    """Write what the site is made of; the pages, the first one first."""
    shutil.rmtree(source, ignore_errors=True)
    for page in sorted(DOCS.rglob("*.md")):
        _write(page, source / page.relative_to(DOCS))
    _write(ROOT / "README.md", source / "index.md")
    (source / "llms.txt").write_text(llms(source), encoding="utf-8")
    pages = [source / path for path in navigated()]
    whole = "\n\n".join(page.read_text(encoding="utf-8") for page in pages)
    (source / "llms-full.txt").write_text(whole, encoding="utf-8")
    return pages


def _write(page: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    text = page.read_text(encoding="utf-8")
    to.write_text(_LINK.sub(lambda found: _linked(page, found), text), encoding="utf-8")


def _linked(page: Path, found: re.Match[str]) -> str:
    """A link as the site has it."""
    text, target = found[1], found[2]
    path, hash_, anchor = target.partition("#")
    if "://" in target or not path:
        return found[0]
    there = (page.parent / path).resolve()
    at_home = page.parent == ROOT
    if there == ROOT / "README.md":
        depth = len(page.relative_to(DOCS).parts) - 1
        return f"[{text}]({'../' * depth}index.md{hash_}{anchor})"
    if DOCS not in there.parents:
        return text
    inside = there.relative_to(DOCS).as_posix()
    return f"[{text}]({inside if at_home else path}{hash_}{anchor})"


def navigated() -> list[str]:
    """The pages of the site's navigation, in order."""
    return re.findall(r"^ *- (?:[^:\n]+: )?(\S+\.md)$", CONFIG.read_text(), re.MULTILINE)


def llms(source: Path) -> str:
    """The pages, for who reads with a machine: https://llmstxt.org."""
    lines = ["# Penstock", "", "> A durable workflow engine on Apache Kafka, in Python.", ""]
    lines += ["## Documentation", ""]
    for name in navigated():
        text = _MADE.sub("", (source / name).read_text(encoding="utf-8"))
        title = text.partition("\n")[0].removeprefix("# ")
        words = [one for one in text.split("\n\n")[1:] if not one.startswith(("#", "```", "|"))]
        about = " ".join(words[0].split())
        about = _LINK.sub(r"\1", about).partition(". ")[0].rstrip(".:")
        page = name.replace("README.md", "index.md").removesuffix(".md")
        lines.append(f"- [{title}]({page}.html): {about}")
    lines += ["", "## All of it", "", "- [Every page in one file](llms-full.txt)", ""]
    return "\n".join(lines)


def build() -> int:
    """Prepare, and build; what the builder ends with."""
    prepare()
    command = [Path(sys.executable).with_name("zensical"), "build", "--clean", "--strict"]
    plain = {**os.environ, "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=ROOT, env=plain, capture_output=True, text=True, check=False)
    told = (done.stdout + done.stderr).partition("Traceback")[0]
    sys.stderr.write(told if done.returncode else "")
    if done.returncode == 0:
        for name in ("llms.txt", "llms-full.txt"):
            shutil.copy(SOURCE / name, SITE)
    return done.returncode


if __name__ == "__main__":
    sys.exit(build())
