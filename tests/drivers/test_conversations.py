"""Rows in chat form and preference pairs: what becomes of them, and how broken ones are refused."""

import copy
import json
from typing import Any

import pytest
from tests.drivers.test_tables import SECRET, as_jsonl, read, refusal

from tunewarden.domain.data_report import Form
from tunewarden.domain.datasets import Columns
from tunewarden.domain.errors import Malformed
from tunewarden.drivers.conversations import preferred

CHAT = Columns(text="messages.prompt", label=None, completion="messages.completion", person="who")


def turn(role: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def row(*turns: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"messages": list(turns), "who": "p1", **more}


GOOD = row(turn("system", "be brief"), turn("user", "hurts"), turn("assistant", "where?"))


def test_the_last_answer_is_learnt_to_follow_all_turns_before_it() -> None:
    done, records = read(as_jsonl([GOOD, {**GOOD, "who": "p2"}]), CHAT, "a.jsonl")
    prompt = "system: be brief\nuser: hurts"
    assert [(record["text"], record["completion"]) for record in records] == [
        (f"{prompt}\nwhere?", len(prompt) + 1)
    ] * 2
    assert (done.persons, done.labels) == (2, ())
    assert done.report is not None
    assert done.report.form is Form.CONVERSATIONS


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "no messages": ({"who": "p"}, "chat_malformed", "Row 2 has no list"),
    "an empty list": (row(), "chat_malformed", "Row 2 has no list"),
    "no answer": (row(turn("user", SECRET)), "chat_without_answer", "Row 2"),
    "a last question": (row(turn("assistant", "y"), turn("user", SECRET)), "chat_without_answer", "Row 2"),
    "only an answer": (row(turn("assistant", SECRET)), "chat_without_answer", "Row 2"),
    "a role of its own": (row(turn(SECRET, "x"), turn("assistant", "y")), "chat_role_unknown", "Row 2, message 1"),
    "a call of a tool": (row(turn("user", "x"), turn("assistant", None)), "chat_content_not_text", "Row 2, message 2"),
    "a picture": (row(turn("user", [SECRET]), turn("assistant", "y")), "chat_content_not_text", "Row 2, message 1"),
    "a blank answer": (row(turn("user", SECRET), turn("assistant", " ")), "chat_content_not_text", "Row 2, message 2"),
    "nothing to learn": (
        row(turn("user", "x"), turn("assistant", SECRET, weight=0)),
        "chat_nothing_to_learn",
        "Row 2",
    ),
    "a message that is a text": ({"messages": [SECRET], "who": "p"}, "chat_role_unknown", "Row 2, message 1"),
}


@pytest.mark.parametrize(("bad", "code", "where"), BAD.values(), ids=BAD)
def test_a_broken_conversation_is_refused_by_its_row_and_message(bad: dict[str, Any], code: str, where: str) -> None:
    error = refusal(as_jsonl([GOOD, bad]), CHAT, "a.jsonl")
    assert (error.code, where in error.reason) == (code, True)
    assert SECRET not in f"{error.reason}{error.remedy}"


def test_a_plain_column_of_that_name_is_what_it_says() -> None:
    rows = [{"messages.prompt": "a", "messages.completion": "b", "who": "p1"}] * 2
    assert [record["text"] for record in read(as_jsonl(rows), CHAT, "a.jsonl")[1]] == ["a\nb"] * 2


PAIR: dict[str, Any] = {
    "input": {"messages": [turn("user", "hurts")]},
    "preferred_output": [turn("assistant", "where?")],
    "non_preferred_output": [turn("assistant", "go away")],
}


def test_preference_pairs_are_refused_by_a_dataset_with_the_reason() -> None:
    error = refusal(as_jsonl([PAIR] * 2), Columns(text="text", label="label", person=None), "a.jsonl")
    assert error.code == "preferences_not_trained"
    assert "nothing is trained" in error.reason


def test_a_pair_has_one_preferred_answer_and_one_other() -> None:
    assert list(preferred(PAIR, 1).values()) == ["user: hurts", "where?", "go away"]
    for name in ("input", "preferred_output", "non_preferred_output"):
        for bad in (None, SECRET, [], [turn("user", SECRET)] * 2, {"messages": SECRET}):
            broken = {**copy.deepcopy(PAIR), name: bad}
            with pytest.raises(Malformed) as caught:
                preferred(json.loads(json.dumps(broken)), 3)
            assert "Row 3" in caught.value.reason
            assert SECRET not in str(caught.value)
