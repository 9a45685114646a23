"""The units, as systemd itself reads them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.cli.command import command_parser
from penstock.config import ENVIRONMENT
from tests.deploy.described import DEPLOY, ROOT

UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
PROGRAM = "/opt/penstock/bin/penstock"
EXPOSURE_MAX = 2.0
"""Of 10, as `systemd-analyze security` counts; it calls 2 and less OK."""
PAGE = ROOT / "docs" / "DEPLOY.md"
PAGE_SAYS = [("server", "PENSTOCK_KAFKA"), ("builtin-worker", "PENSTOCK_API_KEY")]
units = pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)


@pytest.fixture
def analyze() -> str:
    """systemd's own tool."""
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("there is no systemd-analyze")
    return found


def here(unit: Path, folder: Path) -> Path:
    """A copy whose program is there."""
    copy = folder / unit.name
    text = unit.read_text()
    assert PROGRAM in text
    copy.write_text(text.replace(PROGRAM, str(Path(sys.executable).with_name("penstock"))))
    return copy


@units
def test_a_unit_is_understood(unit: Path, analyze: str, tmp_path: Path) -> None:
    copy = here(unit, tmp_path)
    done = run(analyze, "verify", "--man=no", str(copy))
    assert (done.returncode, done.stderr) == (0, "")
    copy.write_text(copy.read_text().replace("KillMode=mixed", "KillMod=mixed"))
    assert "KillMod" in run(analyze, "verify", "--man=no", str(copy)).stderr


TLS = DEPLOY / "systemd" / "penstock.service.d" / "tls.conf"


def test_with_tls_the_unit_is_understood_and_hands_over_what_it_names(
    analyze: str, tmp_path: Path
) -> None:
    [unit] = [one for one in UNITS if one.name == "penstock.service"]
    copy = here(unit, tmp_path)
    folder = tmp_path / "penstock.service.d"
    folder.mkdir()
    dropped = here(TLS, folder)
    done = run(analyze, "verify", "--man=no", str(copy))
    assert (done.returncode, done.stderr) == (0, "")
    text = TLS.read_text()
    named = set(re.findall(r"%d/(\S+)", text))
    assert named == set(re.findall(r"^LoadCredential=([^:]+):", text, re.MULTILINE))
    assert re.search(r"^ExecStart=$", text, re.MULTILINE), "in place of the unit's, not beside it"
    words = TLS.read_text().rpartition(f"ExecStart={PROGRAM} ")[2].replace("$OPTIONS", "").split()
    options = command_parser().parse_args([*words, "--kafka", "kafka:9092"])
    assert options.tls_cert and options.tls_key and options.tls_ca
    dropped.write_text(dropped.read_text().replace("ExecStart=\n", ""))
    assert "more than one ExecStart" in run(analyze, "verify", "--man=no", str(copy)).stderr


@units
def test_a_unit_has_few_rights(unit: Path, analyze: str, tmp_path: Path) -> None:
    done = run(analyze, "security", "--offline=true", "--no-pager", str(here(unit, tmp_path)))
    told = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
    assert told is not None, done.stdout + done.stderr
    assert float(told[1]) <= EXPOSURE_MAX


@units
def test_a_unit_starts_what_there_is(unit: Path) -> None:
    [line] = re.findall(r"^ExecStart=(.+)$", unit.read_text(), re.MULTILINE)
    program, *words = line.replace("$OPTIONS", "").replace("${URL}", "https://n:1").split()
    assert program == PROGRAM
    more = ["--kafka", "kafka:9092"] if "server" in words else []
    assert command_parser().parse_args([*words, *more]).command in ("server", "builtin-worker")


@pytest.mark.parametrize(("verb", "variable"), PAGE_SAYS)
def test_what_the_page_writes_into_a_units_environment_can_be_said(
    verb: str, variable: str
) -> None:
    blocks = re.findall(r"^```ini\n(.+?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    [said] = [dict(re.findall(r"^(\w+)=(.+)$", one, re.M)) for one in blocks if variable in one]
    assert {one for one in said if one.startswith("PENSTOCK_")} <= ENVIRONMENT.keys()
    more = ["--kafka", said["PENSTOCK_KAFKA"]] if verb == "server" else ["--url", said["URL"]]
    options = command_parser().parse_args([verb, *said["OPTIONS"].split(), *more])
    assert options.command == verb


def test_a_node_keeps_its_data_where_systemd_lets_it_write() -> None:
    text = (DEPLOY / "systemd" / "penstock.service").read_text()
    assert "StateDirectory=penstock" in text and "PENSTOCK_DATA=%S/penstock" in text


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run it."""
    return subprocess.run(list(words), capture_output=True, text=True, timeout=60, check=False)
