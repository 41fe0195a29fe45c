"""Each type of event that an endpoint can be told of comes out of what is done, whatever it is about."""

from tests.entry.post_office import Post

from tunewarden.domain.events import AliasMoved
from tunewarden.domain.training import StepName
from tunewarden.domain.webhooks import WebhookType


def test_each_type_of_event_is_told_of_the_thing_that_it_is_about(post: Post) -> None:
    post.run()
    theatre, props = post.theatre, post.props
    post.endpoint(types=[str(one) for one in WebhookType])
    first, second = props.model(), props.model()
    props.promote(first, "candidate")
    props.promote(second, "candidate")
    props.emergency("/v1/models/{model_id}/rollback")
    theatre.must("max", "POST", f"/v1/models/{first}/rollback", json={"alias": "candidate"})
    poor = theatre.steps[StepName.DEIDENTIFY]
    poor.measurements = ()
    approved, denied, cancelled = props.job(), props.job(), props.job()
    path = "/v1/fine_tuning/jobs/{}"
    plan = {"plan": approved["governance"]["plan"]}
    theatre.must("bob", "POST", path.format(approved["id"]) + "/approve", json=plan)
    theatre.must("bob", "POST", path.format(denied["id"]) + "/reject", json={"reason": "not-needed"})
    theatre.must("ann", "POST", path.format(cancelled["id"]) + "/cancel")
    theatre.work()
    erasures = f"/v1/datasets/{props.kept['dataset']}/erasures"
    erasure = theatre.must("pia", "POST", erasures, json={"person": "P1"})["id"]
    theatre.work()
    post.run()

    def about(kind: WebhookType) -> list[str]:
        return [one["data"]["id"] for one in post.outside.told() if one["type"] == kind]

    assert {one["type"] for one in post.outside.told()} == set(WebhookType)
    assert about(WebhookType.MODEL_PROMOTED) == [first, second]
    assert about(WebhookType.MODEL_ROLLED_BACK) == [first]
    assert about(WebhookType.GATE_FAILED) == [approved["id"]]
    assert about(WebhookType.APPROVAL_DENIED) == [denied["id"]]
    assert about(WebhookType.JOB_FAILED) == [denied["id"], approved["id"]]
    assert about(WebhookType.JOB_CANCELLED) == [cancelled["id"]]
    assert about(WebhookType.ERASURE_REQUESTED) == about(WebhookType.ERASURE_COMPLETED) == [erasure]
    assert len(about(WebhookType.JOB_SUCCEEDED)) == 2
    assert len([one for one in about(WebhookType.APPROVAL_GRANTED) if one.startswith("prom")]) == 2


def test_that_an_alias_goes_back_is_known_also_where_the_entry_that_says_so_was_looked_at_before(post: Post) -> None:
    post.run()
    post.endpoint(types=["model.promoted", "model.rolled_back"])
    first, second = post.props.model(), post.props.model()
    post.props.promote(first, "candidate")
    post.props.promote(second, "candidate")
    post.props.emergency("/v1/models/{model_id}/rollback")
    post.theatre.must("max", "POST", f"/v1/models/{first}/rollback", json={"alias": "candidate"})
    *_, last = [entry.index for entry in post.theatre.entries() if isinstance(entry.event, AliasMoved)]
    post.run()
    post.outside.came.clear()
    post.notifier.deliveries.put([], last)  # one look ended just before it
    post.run()
    assert [one["type"] for one in post.outside.told()] == ["model.rolled_back"]
