"""Gaussian noise that nobody can repeat or subtract.

The bits are a ChaCha20 key stream (RFC 8439) under a key that the operating system draws for every update and that is
never stored. A normal value is the sum of four independent ones over two: the low bits of a single floating-point
normal betray what it was added to (Mironov, CCS 2012); with four, nobody can afford to search them (Holohan and
Braghin, arXiv 2107.10138; Opacus does the same in its secure mode).

Not a discrete Gaussian: the remaining floating-point leak is argued to be infeasible to use, not proven to be absent.
`discrete_noise.py` has one that is proven, and slower.
"""

import math
import os

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from numpy.typing import NDArray

_SUMMANDS = 4
_KEY_BYTES = 32
_NONCE = bytes(16)  # counter and nonce start at zero: a key is used for one stream only


class NoiseStream:
    """The randomness of one update, from one key that only this object holds."""

    def __init__(self) -> None:
        self._cipher = Cipher(ChaCha20(os.urandom(_KEY_BYTES), _NONCE), mode=None).encryptor()

    def normal(self, count: int) -> NDArray[np.float64]:
        """The next `count` values: float64[count], each normal with mean 0 and variance 1, all independent."""
        pairs = self._uniform(count * _SUMMANDS).reshape(2, -1)
        # Box and Muller 1958. 1 - u lies in (0, 1], so the logarithm is finite.
        radius = np.sqrt(-2.0 * np.log(1.0 - pairs[0]))
        angle = (2.0 * math.pi) * pairs[1]
        values: NDArray[np.float64] = np.concatenate((radius * np.cos(angle), radius * np.sin(angle)))
        summed: NDArray[np.float64] = values.reshape(_SUMMANDS, count).sum(axis=0)
        return summed / math.sqrt(_SUMMANDS)

    def words(self, count: int) -> NDArray[np.uint64]:
        """The next `count` words of 64 random bits: uint64[count]."""
        return np.frombuffer(self._cipher.update(bytes(8 * count)), dtype="<u8")

    def _uniform(self, count: int) -> NDArray[np.float64]:
        """float64[count] in [0, 1), each a multiple of 2**-53."""
        return (self.words(count) >> np.uint64(11)).astype(np.float64) * 2.0**-53


_STANDARD_DEVIATIONS = 8.0


def energy_is_plausible(noise: NDArray[np.float64]) -> bool:
    """Whether noise that should be standard normal has the energy of it: a chi-square check, 8 deviations wide.

    False for honest noise in less than one of 10**10 cases from 1,000 values on (Laurent and Massart 2000, lemma 1).
    Pass it what was really added, not what was drawn. Only the yes or no may leave the training: the exact energy
    together with the noisy sums would tell two neighbouring data sets apart.
    """
    expected, deviation = noise.size, math.sqrt(2.0 * noise.size)
    return bool(abs(float(np.square(noise).sum()) - expected) <= _STANDARD_DEVIATIONS * deviation)
