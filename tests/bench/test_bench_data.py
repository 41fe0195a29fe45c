"""A million rows of CSV, checked and counted: how long it takes, and how much memory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.bench.conftest import Rows

pytestmark = pytest.mark.bench
ROWS = 1_000_000
GOAL_SECONDS, GOAL_MEGABYTES = 60, 400
PROGRAM = """
import re, sys, time
from pathlib import Path
from tunewarden.drivers.data_checking import Named, check_table
def highest():
    # `ru_maxrss` would begin with what the parent had
    return int(re.search("VmHWM:[^0-9]*([0-9]+)", Path("/proc/self/status").read_text())[1])
path, rows = Path(sys.argv[1]), int(sys.argv[2])
with path.open("w") as file:
    file.write("text,label,who\\n")
    for number in range(rows):
        file.write(f"{number} {'word ' * 40},{number % 2},p{number // 3}\\n")
before, start = highest(), time.perf_counter()
assert check_table(lambda: path.open("rb"), Named(person="who")).report.rows == rows
print(time.perf_counter() - start, (highest() - before) / 1024)
"""


def test_a_million_rows_of_csv(rows: Rows, tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "a.csv"), str(ROWS)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ).stdout.split()
    took, grown = map(float, said)
    size = (tmp_path / "a.csv").stat().st_size / 1e6
    name = f"a CSV file of {ROWS:,} rows, {size:.0f} MB, checked and counted"
    rows.add(f"{name}: time", [took], unit="s", goal=GOAL_SECONDS, bound="at_most")
    rows.add(f"{name}: memory above the start", [grown], unit="MB", goal=GOAL_MEGABYTES, bound="at_most")
    assert took < GOAL_SECONDS
    assert grown < GOAL_MEGABYTES
