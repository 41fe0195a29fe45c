"""A rule about endpoints of webhooks: each has one life, what was not told of had happened, and none ends too early."""

from __future__ import annotations

from tunewarden_audit.conduct.facts import Fact
from tunewarden_audit.conduct.findings import Findings, Rule, absent, broken
from tunewarden_audit.conduct.placed import WEBHOOK_KINDS
from tunewarden_audit.conduct.told import Told

_FAILING = "kept-failing"
_LEAST_GIVEN_UP = 3
"""Messages in a row, before an endpoint is disabled for that. What it took in between has no entry, so none may be."""


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
    is_failing = fact.kind == "WebhookDisabled" and fact["because"] == _FAILING
    if is_failing and told.placed.given_up[fact["webhook"]] < _LEAST_GIVEN_UP:
        yield absent(fact, told, "an endpoint is disabled as one that kept failing, and had not failed as often")


RULES = (
    Rule(
        "webhooks",
        "endpoints are made once, nothing is done to one that is deleted, what is given up was tried, and none is "
        "disabled as failing before three messages were given up",
        WEBHOOK_KINDS,
        _endpoints,
    ),
)
