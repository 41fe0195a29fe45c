"""The processes of `tunewarden serve`, of which the worker makes less evidence than a platform's.

`python serving.py serve`, which starts the others, or `python serving.py worker`. The whole amount takes minutes; the
demo's journey has it. All else is as it is shipped.
"""

import signal
import sys
import threading

from tunewarden.entry import worker
from tunewarden.entry.cli.serve import supervise
from tunewarden.entry.settings import Settings
from tunewarden.entry.wiring import build, pipeline, with_persons, with_release, with_samples

SERVE, WORKER = ([sys.executable, __file__, name] for name in ("serve", "worker"))
PLANTS, TEXTS, PAIRS = 6, 1, 8


def serve(stopping: threading.Event) -> int:
    """All processes, until told to stop."""
    return supervise(Settings(), stopping, {"worker": WORKER})


def work(stopping: threading.Event) -> int:
    """The worker alone."""
    from tunewarden.steps.deidentify.stated import Effort
    from tunewarden.steps.measure.extent import Extent

    settings = Settings()
    platform = with_samples(with_persons(settings, with_release(settings, build(settings))))
    steps = pipeline(
        settings,
        platform,
        effort=Effort(plants_of_each_kind=PLANTS, texts_of_each_cohort=TEXTS),
        extent=Extent(pairs=PAIRS, written=4, sampled=4, prompts=2, swaps=PAIRS, attacked=0),
        explained_texts=4,
    )
    return worker.run(settings, platform, steps, stopping.is_set)


def main(name: str) -> int:
    """One of the two, until it is told to stop by SIGTERM or SIGINT."""
    stopping = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stopping.set())
    return {"serve": serve, "worker": work}[name](stopping)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
