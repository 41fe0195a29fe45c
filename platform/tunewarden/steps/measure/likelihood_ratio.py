"""The offline likelihood-ratio attack: how unlikely is what the model says, had it never seen the person?

Carlini et al., "Membership inference attacks from first principles", arXiv 2112.03570, sections V and VI-C. Models that
were trained alike on others, out-models, say what is usual for the texts of a person who was not trained on. The score
is how many standard deviations surer of them the one attacked is. With what out-models say taken as normal that orders
persons as the paper's probability does, which has no digits left to tell apart whoever is far away.
A few of them suffice for the mean of each person and not for the spread: below 64 that of all persons together is used,
as the paper finds best. With one out-model, whose spread nobody knows, the order of persons is that of the difference.

What is taken as normal is log(p / (1 - p)) of the probability p of the truth, which is (section V-A); of completions it
is minus the loss of a token, which has no such bound to run against.

Out-models that saw fewer persons than the attacked one are less sure of everybody. That moves all scores alike, and no
rank; it can blunt the attack and cannot make one up. Not in the intervals: that other out-models would say otherwise.
"""

from collections.abc import Sequence

import numpy as np

from tunewarden.steps.measure.intervals import Floats

ENOUGH_FOR_EACH = 64
"""Out-models from which on the spread of each person is used."""
_LEAST = 1e-12
"""A smaller loss cannot be told from it: the probability is 1 to the last digit there is."""


def scaled(losses: Floats) -> Floats:
    """log(p / (1 - p)), float64[persons], from the mean cross-entropy of each, nats; larger is surer."""
    bounded = np.maximum(losses, _LEAST)
    return np.asarray(-bounded - np.log(-np.expm1(-bounded)), dtype=np.float64)


def likelihood_ratio(target: Floats, outs: Sequence[Floats]) -> Floats:
    """The score of each person, float64[persons]: the higher, the likelier trained on.

    `target` is what the attacked model says, `outs` what each out-model does, at least one; float64[persons] each, on
    the scale that is taken as normal.
    """
    said = np.stack(list(outs))
    models = len(said)
    distance = target - said.mean(axis=0)
    if models < 2:
        return np.asarray(distance, dtype=np.float64)
    each = said.var(axis=0, ddof=1)
    variance = each if models >= ENOUGH_FOR_EACH else np.full_like(distance, each.mean())
    spread = np.sqrt(variance * (1 + 1 / models))  # the mean itself is known no better than that
    return np.asarray(distance / np.maximum(spread, _LEAST), dtype=np.float64)
