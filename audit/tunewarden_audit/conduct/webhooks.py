"""A rule about endpoints of webhooks: each has one life, what was not told of had happened, and none ends too early."""

from __future__ import annotations

from datetime import timedelta

from tunewarden_audit.conduct.facts import Fact
from tunewarden_audit.conduct.findings import Findings, Rule, absent, broken
from tunewarden_audit.conduct.placed import WEBHOOK_KINDS
from tunewarden_audit.conduct.told import Told

_FAILING = "kept-failing"
_LEAST_GIVEN_UP = 3
"""Messages in a row, before an endpoint is disabled for that. What it took in between has no entry, so none may be."""
_FAILING_FOR = timedelta(days=5)
_ATTEMPTS, _THEY_TAKE = 10, timedelta(seconds=272_105)
"""How often a message is tried, and the pauses in between together."""
_CLOCKS = timedelta(hours=3)
"""Less may have gone by of these two where a clock was set meanwhile, or is another one's."""


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
    if fact.kind == "WebhookGivenUp":
        yield from _given_up(fact, told)
    if fact.kind == "WebhookDisabled" and fact["because"] == _FAILING:
        yield from _kept_failing(fact, told)


def _given_up(fact: Fact, told: Told) -> Findings:
    """The queue says how often a message was tried, and nobody trusts the queue: so many attempts take their time."""
    if fact["entry"] >= fact.index or not fact["attempts"]:
        yield broken(fact, "a message is given up that nobody could have tried to deliver")
        return
    happened = told.placed.hours.of(fact["entry"])
    if fact["attempts"] >= _ATTEMPTS and happened is not None and fact.at - happened < _THEY_TAKE - _CLOCKS:
        yield broken(fact, "a message is given up before it can have been tried as often as is said")


def _kept_failing(fact: Fact, told: Told) -> Findings:
    if told.placed.given_up[fact["webhook"]] < _LEAST_GIVEN_UP:
        yield absent(fact, told, "an endpoint is disabled as one that kept failing, and had not failed as often")
    since = told.placed.as_it_is.get(fact["webhook"])
    if since is not None and fact.at - since < _FAILING_FOR - _CLOCKS:
        yield broken(fact, "an endpoint is disabled as one that kept failing, and cannot have failed for as long")


RULES = (
    Rule(
        "webhooks",
        "endpoints are made once, nothing is done to one that is deleted, what is given up was tried for as long as "
        "that takes, and none is disabled as failing before five days and three messages given up",
        WEBHOOK_KINDS,
        _endpoints,
    ),
)
