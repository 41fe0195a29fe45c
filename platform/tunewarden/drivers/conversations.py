"""Rows in chat form and preference pairs, read as plain columns: what OpenAI's fine-tuning files look like.

A row `{"messages": [{"role": ..., "content": ...}, ...]}` has two columns that are not written in it:
`messages.prompt`, every turn but the last as a line `role: content`, and `messages.completion`, what the assistant says
last. A row `{"input": {"messages": [...]}, "preferred_output": [...], "non_preferred_output": [...]}` has
`input.prompt`, `preferred.completion` and `non_preferred.completion`. Only what the assistant says last is learnt, and
no base model's chat template is applied. Further fields of the row (the person, protected attributes) are columns as
ever.

What is wrong names the row and the message, both from 1, and never repeats a value or the name of a field.
"""

from collections.abc import Mapping
from typing import Any

from tunewarden.domain.errors import Malformed

PROMPT, COMPLETION = "messages.prompt", "messages.completion"
INPUT, PREFERRED, NOT_PREFERRED = "input.prompt", "preferred.completion", "non_preferred.completion"
CHAT_COLUMNS = frozenset({PROMPT, COMPLETION})
PAIR_COLUMNS = frozenset({INPUT, PREFERRED, NOT_PREFERRED})

_MOST_TURNS = 1_000
_ROLES = frozenset({"system", "developer", "user", "assistant"})
_ANSWERING = "assistant"


def is_conversation(record: Mapping[str, Any]) -> bool:
    """Whether the row is in chat form."""
    return isinstance(record.get("messages"), list)


def is_pair(record: Mapping[str, Any]) -> bool:
    """Whether the row is a pair of preferences in OpenAI's form."""
    return {"preferred_output", "non_preferred_output"} <= record.keys()


def spoken(record: Mapping[str, Any], number: int) -> dict[str, str]:
    """The columns of row `number` in chat form. Raises `Malformed`."""
    turns = _turns(record.get("messages"), number, "messages")
    if len(turns) < 2 or turns[-1][0] != _ANSWERING:
        raise _malformed(
            "chat_without_answer",
            f"Row {number} does not end with a message of the assistant that answers another one.",
            "End every conversation with what is to be learnt.",
        )
    if record["messages"][-1].get("weight", "1") in {"0", 0}:
        raise _malformed(
            "chat_nothing_to_learn",
            f"Row {number} has the weight 0 on its last message, and only the last message is learnt.",
            "Leave the row out, or end it with the message that is to be learnt.",
        )
    return {PROMPT: _lines(turns[:-1]), COMPLETION: turns[-1][1]}


def preferred(record: Mapping[str, Any], number: int) -> dict[str, str]:
    """The columns of row `number` that is a pair of preferences. Raises `Malformed`."""
    asked = record.get("input")
    turns = _turns(asked.get("messages") if isinstance(asked, dict) else None, number, "input")
    columns = {INPUT: _lines(turns)}
    for name, column in (("preferred_output", PREFERRED), ("non_preferred_output", NOT_PREFERRED)):
        answers = _turns(record.get(name), number, name)
        if len(answers) != 1 or answers[0][0] != _ANSWERING:
            raise _malformed(
                "pair_malformed",
                f"Row {number} has not exactly one message of the assistant as its {name}.",
                "Write one answer that is preferred and one that is not.",
            )
        columns[column] = answers[0][1]
    return columns


def _turns(messages: object, number: int, where: str) -> list[tuple[str, str]]:
    """(role, content) of every message."""
    if not isinstance(messages, list) or not 1 <= len(messages) <= _MOST_TURNS:
        raise _malformed(
            "chat_malformed",
            f"Row {number} has no list of 1 to {_MOST_TURNS:,} messages as its {where}.",
            "Write messages with a role and a content, in the order in which they were said.",
        )
    return [
        _turn(message, f"Row {number}, message {place} of its {where},") for place, message in enumerate(messages, 1)
    ]


def _turn(message: object, where: str) -> tuple[str, str]:
    role = message.get("role") if isinstance(message, dict) else None
    if not isinstance(role, str) or role not in _ROLES:
        raise _malformed(
            "chat_role_unknown",
            f"{where} has a role that is none of {', '.join(sorted(_ROLES))}.",
            "Leave calls of tools and their results out; nothing is learnt from them here.",
        )
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, str) or not content.strip():
        raise _malformed(
            "chat_content_not_text",
            f"{where} has a content that is no text, or blank.",
            "Write one text as the content; pictures, parts and calls of tools cannot be learnt.",
        )
    return role, content


def _lines(turns: list[tuple[str, str]]) -> str:
    return "\n".join(f"{role}: {content}" for role, content in turns)


def _malformed(code: str, reason: str, remedy: str) -> Malformed:
    return Malformed(code, reason, remedy=remedy, param="file")
