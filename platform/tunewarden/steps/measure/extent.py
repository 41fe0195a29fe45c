"""How much is asked of a model beyond the rows of persons. It bounds how long measuring takes, not what it means."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """Each is the most that is asked; fewer make intervals wider.

    Attributes:
        pairs: of sentences, for forgetting; at least 2.
        written: held-out persons for whom a completion is written, one each.
        sampled: texts that are sampled to be looked through for identifiers.
        prompts: made-up ones, of which each is explained where texts are completed; at least 2.
        swaps: pairs of made-up texts for each protected attribute; at least 8, and 183 to be judged by.
    """

    pairs: int = 60
    written: int = 100
    sampled: int = 200
    prompts: int = 16
    swaps: int = 384
