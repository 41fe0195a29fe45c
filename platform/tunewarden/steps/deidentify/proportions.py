"""The exact interval of a share that was counted."""

from scipy.special import betaincinv


def exact_interval(hits: float, n: float) -> tuple[float, float]:
    """Clopper and Pearson (1934), two-sided, 95 %; (0, 1) of nothing. `hits` and `n` need not be whole."""
    low = float(betaincinv(hits, n - hits + 1, 0.025)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1, n - hits, 0.975)) if hits < n else 1.0
    return low, high
