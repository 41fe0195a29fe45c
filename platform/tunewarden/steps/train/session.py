"""A Ray session for one training: the one that is there, the cluster of the settings, or a local one just for it."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import ray

_LOOPBACK = "127.0.0.1"
_PROCESSORS = 2
_LEAST_STORE_BYTES = 128 * 1024**2


@contextmanager
def ray_session(address: str, needed_bytes: int, processors: int = _PROCESSORS) -> Iterator[None]:
    """Inside it Ray is connected; what it started it also ends.

    An empty `address` starts Ray on this machine, reachable from this machine only, with `processors` to share out
    and room for `needed_bytes` of training data. Ending it matters: the processes of a local Ray die with the thread
    that started it, so it could not be kept for a later training in another thread.
    """
    if ray.is_initialized():
        yield
        return
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # Ray would report its use to its makers, and reads only this variable
    quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": logging.ERROR}
    if address:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    else:
        store = max(_LEAST_STORE_BYTES, 4 * needed_bytes)
        ray.init(num_cpus=processors, object_store_memory=store, _node_ip_address=_LOOPBACK, **quiet)
    try:
        yield
    finally:
        ray.shutdown()
