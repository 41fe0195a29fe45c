"""Whatever people vote, lose and are given: auditor and platform count the same, and nobody is blamed."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from tests.audit.test_conduct_agreement import ask, blamed, judged, new_stage
from tests.conftest import ADA, ANN, BOB, DANA, PIA, REA, WORKER, Stage, digest
from tests.usecases.governed import govern

from tunewarden.domain.datasets import Sensitivity
from tunewarden.domain.errors import TunewardenError
from tunewarden.domain.events import PrincipalIdentified, RequestApproved, RequestEndorsed
from tunewarden.domain.names import PrincipalId, ProjectId, RequestId, Role
from tunewarden.domain.quorum import Needed
from tunewarden.domain.training import State
from tunewarden.domain.vote_events import QuorumInForce, VoteLapsed
from tunewarden.steps import GUARDED
from tunewarden.usecases import grants, jobs, keys, requests
from tunewarden.usecases.ports import Principal

CAL = Principal(id=PrincipalId("prn-cal"), roles=frozenset({Role.APPROVER}))
VOTERS = (BOB, CAL, DANA, PIA, REA)
EVERYWHERE = ProjectId("*")
RULES = (Needed(persons=1, roles=1), Needed(persons=2, roles=2), Needed(persons=3, roles=2))


class Votes:
    """A platform whose policy is stored, some requests that wait, and what may happen to them."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.stage: Stage = new_stage()
        self.stage.platform = govern(self.stage)
        self.identify(CAL, CAL.roles)
        dataset = self.stage.dataset(epsilon="100").id
        self.waiting = [requests.submit(self.stage.platform, ANN, ask(dataset, "1"))[0].id for _ in range(3)]

    def act(self) -> None:
        deeds: list[Callable[[], object]] = [self.vote] * 6 + [
            self.grant,
            self.revoke,
            self.change,
            self.rule,
            self.wait,
        ]
        with suppress(TunewardenError):
            self.chance.choice(deeds)()

    def vote(self) -> None:
        request = requests.get(self.stage.platform, ANN, self.chance.choice(self.waiting))
        with self.stage.platform.view() as view:
            voter = view.principals.get(self.chance.choice(VOTERS).id)
        way = self.chance.choice((requests.approve, requests.endorse))
        way(self.stage.platform, voter, request.id, request.plan.digest())

    def grant(self) -> None:
        change = self.chance.choice((grants.grant, grants.grant, grants.revoke))
        role = self.chance.choice((Role.STEWARD, Role.PRIVACY_OFFICER))
        change(self.stage.platform, ADA, self.chance.choice((REA, DANA, CAL)).id, role, EVERYWHERE)

    def revoke(self) -> None:
        if self.chance.random() < 0.3:
            keys.revoke(self.stage.platform, ADA, self.chance.choice(VOTERS[:4]).id)

    def change(self) -> None:
        who = self.chance.choice((DANA, CAL))
        self.identify(
            who, self.chance.choice((who.roles, frozenset({Role.PRIVACY_OFFICER}), frozenset({Role.REVIEWER})))
        )

    def identify(self, who: Principal, roles: frozenset[Role]) -> None:
        """As the identity provider says of them now; who was revoked stays so."""
        with self.stage.platform.work(PrincipalId("api")) as work:
            before = work.principals.find(who.id)
            work.principals.put(replace(who, roles=roles, revoked=before is not None and before.revoked))
            work.record(
                PrincipalIdentified(principal=who.id, issuer=digest("house"), roles=tuple(sorted(roles)), service=False)
            )
            work.commit()

    def rule(self) -> None:
        needed = self.chance.choice(RULES)
        self.stage.policies.needed = {**self.stage.policies.needed, Sensitivity.SPECIAL_CATEGORY: needed}

    def wait(self) -> None:
        self.stage.clock.advance(timedelta(hours=self.chance.choice((1, 30))))

    def state(self, request: RequestId) -> State:
        with self.stage.platform.view() as view:
            return view.requests.get(request).state


@pytest.fixture(scope="module")
def days() -> list[Votes]:
    """The seeds are fixed."""
    played = [Votes(Random(seed)) for seed in range(8)]
    for votes in played:
        for _ in range(60):
            votes.act()
    return played


def test_there_are_votes_that_lapsed_rules_that_changed_and_plans_that_were_agreed_to(days: list[Votes]) -> None:
    seen = {type(entry.event) for votes in days for entry in votes.stage.entries()}
    assert seen >= {VoteLapsed, QuorumInForce, RequestApproved, RequestEndorsed}
    assert sum(votes.state(request) is State.APPROVED for votes in days for request in votes.waiting) >= 4


def test_the_auditor_counts_as_the_platform_does(days: list[Votes]) -> None:
    """What is approved begins, so that the auditor looks whether enough agreed."""
    for votes in days:
        for request in votes.waiting:
            with suppress(TunewardenError):
                jobs.advance(votes.stage.platform, WORKER, votes.stage.steps, GUARDED, request)
        assert blamed(judged(votes.stage.entries())) == {}
