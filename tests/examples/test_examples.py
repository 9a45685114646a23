"""The examples in Python: each is run by one command, ends by itself, and says what it should."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "examples"
TESTED_ELSEWHERE = {"demo.py", "hello.py", "local.py", "test_hello.py"}

SAYS = {
    "order_saga.py": """\
a bicycle, with card 4242
    parcel with a bicycle from B7-bicycle
a bicycle, with card 0000
    released B7-bicycle
    order-refused: no bicycle: the card was declined
a piano, with card 4242
    refunded receipt-4200, at attempt 2
    released B7-piano
    order-refused: no piano: it can not be shipped
""",
    "kyc.py": """\
Ada: account of Ada
  carol reads: Bob has a risk of 90
Bob: account of Bob
  carol reads: Eve has a risk of 90
Eve: customer-refused, painted by hand
""",
    "document_approval.py": """\
  legal reads 'News: We are the best' and says: prove it
  press reads 'News: We are the best' and agrees
  press reads 'News: We are good' and agrees
  legal reads 'News: We are good' and agrees
'News' is published after 2 rounds: We are good
""",
    "etl.py": """\
sold: {'book': 3600, 'pen': 360}
files: 8, tried twice: ['day-3.csv']
""",
    "cron_report.py": """\
Mon 23 Mar 08:00 (07:00 UTC) to the boss: 69 orders
Tue 24 Mar 08:00 (07:00 UTC) to the boss: 72 orders
Wed 25 Mar 08:00 (07:00 UTC) to the boss: 75 orders
Thu 26 Mar 08:00 (07:00 UTC) to the boss: 78 orders
Fri 27 Mar 08:00 (07:00 UTC) to the boss: 81 orders
Mon 30 Mar 08:00 (06:00 UTC) to the boss: 90 orders
Tue 31 Mar 08:00 (06:00 UTC) to the boss: 93 orders
Wed 01 Apr 08:00 (06:00 UTC) to the boss: 3 orders
Thu 02 Apr 08:00 (06:00 UTC) to the boss: 6 orders
Fri 03 Apr 08:00 (06:00 UTC) to the boss: 9 orders
""",
    "webhook_pipeline.py": """\
201: repeated false
200: repeated true
received, at try 2: parcel.packed {'parcel': '2 x book'}
""",
    "agent.py": """\
a buyer is asked: order a bicycle?
done: 1 bicycle left; a bicycle is 700 cents; a bicycle is ordered
think 1, stock 1, remember 1, think 2, price 1, remember 1, think 1, place_order 1, remember 1, \
think 1
""",
}


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", SAYS)
def test_an_example_says_what_it_should(name: str) -> None:
    done = subprocess.run(
        [sys.executable, str(FOLDER / name)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == SAYS[name], done.stdout


def test_no_example_is_left_out() -> None:
    there = {path.name for path in FOLDER.glob("*.py")}
    assert there == SAYS.keys() | TESTED_ELSEWHERE


@pytest.mark.parametrize("name", SAYS)
def test_an_example_says_how_it_is_run(name: str) -> None:
    assert re.search(rf"^python examples/{re.escape(name)}$", (FOLDER / name).read_text(), re.M)
