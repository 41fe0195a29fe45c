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
        swaps: pairs of made-up texts for each protected attribute, and as many with neutral words; at least 8, and 183
            to be judged by. Three times as many are asked where these leave too much open.
        attacked: persons trained on, and others, whose attributions an attacker is given; of fewer than 30 nothing is
            stated.
        continued: pairs of made-up prompts for each protected attribute, of models that complete texts; at least 60 are
            needed to be judged by.
    """

    pairs: int = 60
    written: int = 100
    sampled: int = 200
    prompts: int = 16
    swaps: int = 384
    attacked: int = 100
    continued: int = 192
