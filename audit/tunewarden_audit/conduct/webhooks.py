"""A rule about endpoints of webhooks: each has one life, and what was not told of had happened."""

from __future__ import annotations

from tunewarden_audit.conduct.facts import Fact
from tunewarden_audit.conduct.findings import Findings, Rule, absent, broken
from tunewarden_audit.conduct.told import Told


def _endpoints(fact: Fact, told: Told) -> Findings:
    is_there = told.placed.endpoints.get(fact["webhook"])
    if fact.kind == "WebhookCreated":
        if is_there is not None:
            yield broken(fact, "an endpoint is made for the second time")
        return
    if is_there is None:
        yield absent(fact, told, "says something of an endpoint that was never made")
    elif not is_there and fact.kind != "WebhookGivenUp":  # a message can be under way when its endpoint is deleted
        yield broken(fact, "says something of an endpoint that had been deleted")
    if fact.kind == "WebhookGivenUp" and (fact["entry"] >= fact.index or not fact["attempts"]):
        yield broken(fact, "a message is given up that nobody could have tried to deliver")


RULES = (
    Rule(
        "webhooks",
        "endpoints are made once, nothing is done to one that is deleted, and what is given up was tried",
        frozenset(
            {
                "WebhookCreated",
                "WebhookChanged",
                "WebhookSecretRotated",
                "WebhookDisabled",
                "WebhookDeleted",
                "WebhookGivenUp",
            }
        ),
        _endpoints,
    ),
)
