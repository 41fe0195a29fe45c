"""What changes speed and memory only; it may differ from attempt to attempt and is in no plan."""

from dataclasses import dataclass

from tunewarden.domain.errors import Malformed

MOST_WORKERS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Compute:
    """How one training is carried out.

    Attributes:
        workers: Ray Train workers; the first of them draws, charges and adds the noise, the others help to compute.
        threads: processor threads of a worker.
        micro_batch_rows: how many rows are computed at once.
        persons_at_once: how many persons' gradients are held at once, 4 bytes for each trained number of each person.
        charge_every: how many updates are paid for at once; as many are lost, and paid again, when a worker dies.
        gradient_checkpointing: whether activations are computed again in the backward pass instead of being kept.
    """

    workers: int = 1
    threads: int = 2
    micro_batch_rows: int = 64
    persons_at_once: int = 64
    charge_every: int = 8
    gradient_checkpointing: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.workers <= MOST_WORKERS:
            reason = f"{self.workers} workers; 1 to {MOST_WORKERS} are supported."
            raise Malformed("workers_out_of_range", reason, param="workers")
        if min(self.threads, self.micro_batch_rows, self.persons_at_once, self.charge_every) < 1:
            raise Malformed("compute_out_of_range", "Every count of the compute settings is at least 1.")
