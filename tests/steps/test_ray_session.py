"""A Ray session that cannot be had is an error of ours, which the worker tries again."""

import subprocess
import sys

_PROGRAM = """
from tunewarden.domain.errors import Unavailable
from tunewarden.steps.ray_session import ray_session
try:
    with ray_session("nowhere", 0):
        print("started")
except Unavailable as error:
    print(error.code)
"""


def test_a_cluster_that_cannot_be_reached_is_unavailable() -> None:
    """In a process of its own, because this one may be connected."""
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=120, check=True)

    assert done.stdout.strip() == "workers_not_started"
