"""The fast way decides as plain Casbin does, over policies and requests that nobody chose."""

from pathlib import Path

from tests.drivers.access_reference import Reference, request, worlds

from tunewarden.domain.access import Effect
from tunewarden.domain.access_compile import compiled
from tunewarden.drivers.access_snapshot import Snapshot

MODEL = (Path(__file__).parents[2] / "policies" / "access" / "model.conf").read_text(encoding="utf-8")
POLICIES, REQUESTS = 2_000, 5
SEED = 2026


def test_two_thousand_random_policies_are_decided_as_plain_casbin_decides_them() -> None:
    allowed = denied_by_rule = 0
    for world, dice in worlds(SEED, POLICIES):
        snapshot, reference = Snapshot(compiled(world.policy, demanded=()), MODEL), Reference(MODEL, world)
        effects = {rule.id: rule.effect for rule in world.policy.rules}
        for _ in range(REQUESTS):
            asked = request(dice, world)
            decision = snapshot.decide(*asked)
            assert decision.allowed == reference.allows(*asked), (SEED, world.policy, asked)
            assert decision == snapshot.decide(*asked), "the kept answer is the same one"
            rule = effects.get(decision.because)
            assert rule == (Effect.ALLOW if decision.allowed else rule and Effect.DENY), "it names a rule that says so"
            assert decision.allowed or decision.because in {"no-rule-allows", decision.rule}
            allowed += decision.allowed
            denied_by_rule += rule == Effect.DENY
    assert allowed > 500, "the requests are not all denied, or nothing was shown"
    assert denied_by_rule > 500
