"""What a training showed about itself on made-up persons before anything was charged: its certificate, in words."""

from tunewarden.entry.report.facts import Fact
from tunewarden.entry.report.figures import exact
from tunewarden.entry.report.reading import Part

CHECKS = {
    "neighbours": "How far one person moves a sum, in clips",
    "brute-force": "Off the sum of one person after the other, in clips",
    "second-way": "Off a second way of clipping, in clips",
    "not-finite": "What a person whose gradient is no number adds, in clips",
    "sampling-rate": "How unlike the plan's rate the draws are, in nats",
    "sampling-independence": "How dependent draws are, in nats",
    "rows-per-person": "Rows of a person beyond those allowed",
    "noise-scale": "How unlike the plan's noise the noise is, in nats",
    "noise-freshness": "How alike two pieces of noise are, in nats",
    "normaliser": "Off the plan's constant divisor",
}
"""Every check of a certificate, with what its figure is."""


def certified(training: Part, log: tuple[int, ...]) -> tuple[Fact, ...]:
    """The checks with their figures; empty where the training has no certificate. `log` is the training step."""
    certificate = training.at("conformance")
    facts = list[Fact]()
    for check in certificate.at("checks").items():
        name, measured, limit = check.at("name").text, check.at("measured").number, check.at("limit").number
        if name in CHECKS and measured is not None and limit is not None:
            facts.append(Fact(CHECKS[name], f"{exact(measured)}; allowed is {exact(limit)}", log))
    for name in (left.text for left in certificate.at("not_checked").items()):
        if name in CHECKS:
            facts.append(Fact(CHECKS[name], "not checked: the second way does not cover this model", log))
    return tuple(facts)
