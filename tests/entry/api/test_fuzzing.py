"""No request that can be made from the interface description, or against it, has an answer that is not described."""

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.entry.api.fuzzing import ROLES, Fuzzing, committed, furnished
from tests.journeys.theatre import Theatre, in_folder

EXAMPLES = 2
"""Of either kind, for each operation, each sent as four roles: some 2,500 requests."""
MANY = 20
"""The same, some 25,000 requests."""


@pytest.fixture
def theatre(tmp_path: Path) -> Iterator[Theatre]:
    made = in_folder(tmp_path / "home", failed_logins_per_minute=1_000_000)
    with made.client:
        yield made
    made.close()


def test_every_answer_to_four_roles_is_described_and_none_is_a_server_error(theatre: Theatre) -> None:
    fuzzing = Fuzzing(theatre=theatre, document=committed(), there=furnished(theatre))
    fuzzing.run(EXAMPLES)
    assert sorted(set(fuzzing.faults)) == []
    for role in ROLES:
        assert fuzzing.counts[f"{role} 2xx"] > 10, fuzzing.counts  # else nothing but doors that are closed was tried
        assert fuzzing.counts[f"{role} 4xx"] > 100, fuzzing.counts


@pytest.mark.parametrize("plant", ["status", "member", "code"])
def test_an_answer_that_is_not_described_is_found(theatre: Theatre, plant: str) -> None:
    """A status, a member and a code that the description lacks."""
    document = copy.deepcopy(committed())
    files = {path: document["paths"][path] for path in ("/v1/files", "/v1/models/{model_id}")}
    match plant:
        case "status":
            for methods in files.values():
                for operation in methods.values():
                    del operation["responses"]["404"], operation["responses"]["422"]
        case "member":
            del document["components"]["schemas"]["File"]["properties"]["digest"]
        case "code":
            schema = document["components"]["responses"]["Error404"]["content"]["application/problem+json"]["schema"]
            schema["allOf"][1]["properties"]["error"]["properties"]["code"]["enum"].remove("model_not_found")
    fuzzing = Fuzzing(theatre=theatre, document={**document, "paths": files}, there=furnished(theatre))
    fuzzing.run(5)
    assert fuzzing.faults != []


@pytest.mark.bench
@pytest.mark.parametrize("number", range(3))
def test_the_same_of_many_more(theatre: Theatre, number: int) -> None:
    """From three beginnings, one after the other; what was answered is printed."""
    fuzzing = Fuzzing(theatre=theatre, document=committed(), there=furnished(theatre))
    fuzzing.run(MANY, number + 1)
    print(f"\n{sum(fuzzing.counts.values()):,} requests: {dict(sorted(fuzzing.counts.items()))}")  # noqa: T201
    assert sorted(set(fuzzing.faults)) == []
