"""Which change of the interface description breaks a program that was written against the one before. Pure.

It breaks: an operation, a parameter, a member of an answer, a type of content or a code of an error goes; an operation
is renamed (clients are generated with the names); something is asked for that was not; a request that was taken is
taken no more, because a word, a type or a value that was allowed is not; an answer may be of a type that it never was.
It does not break, and docs/coming-from-openai.md says so: an answer has a further member, or a further word where it
had some.

Where there are alternatives (`anyOf`, `oneOf`), each one that a request could be has to be taken by one of those there
are now, whole; and each one that an answer can be has to keep what one of those of before could be relied on for: of
the one that says the same words of itself (`object`, `type`), where there is such a one. So a request is reported that
only several of the new alternatives together would take, though it breaks nothing.

Not compared: patterns and formats beyond being the same, `allOf`, `not`, what stands beside alternatives, `multipleOf`,
`patternProperties`, `contains`, a member that gets a name of its own, `propertyNames` and `uniqueItems` of answers,
`security`, headers, and descriptions.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
Finding = tuple[str, str]
Alternative = tuple[str, Json]
"""A type, and what is said of it; "any" where none is named."""
Seen = frozenset[tuple[int, int]]
"""Pairs of schemas that are being compared already, by where they are in memory: shapes may hold themselves."""

_LOWER_IS_NARROWER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_HIGHER_IS_NARROWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_WRITTEN = ("format", "contentEncoding", "contentMediaType")
_METHODS = frozenset({"get", "post", "put", "patch", "delete"})
_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}


def broken(before: Json, after: Json) -> list[str]:
    """What would break, each with its place; empty where nothing does."""
    return [f"{place}: {what}" for place, what in _Comparison(before, after).operations()]


@dataclass(frozen=True, slots=True)
class _Comparison:
    before: Json
    after: Json

    def operations(self) -> Iterator[Finding]:
        for path, methods in self.before["paths"].items():
            for method in methods.keys() & _METHODS:
                place = f"{method.upper()} {path}"
                new = self.after["paths"].get(path, {}).get(method)
                if new is None:
                    yield place, "the operation is gone"
                else:
                    yield from self._operation(place, methods[method], new)

    def _operation(self, place: str, old: Json, new: Json) -> Iterator[Finding]:
        if old.get("operationId") != new.get("operationId"):
            yield place, "the operation has another name"
        yield from self._parameters(place, old, new)
        yield from self._body(place, old.get("requestBody", {}), new.get("requestBody", {}))
        yield from self._answers(place, old.get("responses", {}), new.get("responses", {}))

    def _parameters(self, place: str, old: Json, new: Json) -> Iterator[Finding]:
        was, now = (
            {(one["in"], one["name"]): one for one in (_found(document, each) for each in side.get("parameters", []))}
            for document, side in ((self.before, old), (self.after, new))
        )
        for key, one in was.items():
            here = f"{place} {key[0]} {key[1]}"
            if key not in now:
                yield here, "the parameter is gone"
            else:
                yield from self._narrowed(here, one.get("schema", {}), now[key].get("schema", {}))
        for key, one in now.items():
            if one.get("required") and not was.get(key, {}).get("required"):
                yield f"{place} {key[0]} {key[1]}", "the parameter is required now"

    def _body(self, place: str, old: Json, new: Json) -> Iterator[Finding]:
        was, now = _found(self.before, old), _found(self.after, new)
        if now.get("required") and not was.get("required"):
            yield place, "a body is required now"
        for kind, one in was.get("content", {}).items():
            if kind not in now.get("content", {}):
                yield place, f"{kind} is taken no more"
            else:
                yield from self._narrowed(f"{place} body", _schema(one), _schema(now["content"][kind]))

    def _answers(self, place: str, old: Json, new: Json) -> Iterator[Finding]:
        for status, one in old.items():
            here = f"{place} {status}"
            if status not in new:
                yield here, "it is answered no more"
                continue
            was, now = _found(self.before, one), _found(self.after, new[status])
            for kind, content in was.get("content", {}).items():
                if kind not in now.get("content", {}):
                    yield here, f"{kind} is answered no more"
                    continue
                said, other = _schema(content), _schema(now["content"][kind])
                yield from self._lost(here, said, other)
                yield from ((here, f"the code {code} is gone") for code in sorted(_codes(said) - _codes(other)))

    def _narrowed(self, place: str, old: Json, new: Json, seen: Seen = frozenset()) -> Iterator[Finding]:
        """What `old` allowed in a request, and `new` does not."""
        now = _alternatives(self.after, new)
        for kind, one in _alternatives(self.before, old):
            taking = _of_kind(kind, now)
            words = _words(one)
            if not taking:
                yield place, f"{kind} is taken no more"
            elif words is None:
                yield from _fewest(self._tighter(place, one, other, seen) for other in taking)
            elif not all(any(_takes(other, word) for other in taking) for word in words):
                yield place, "words are taken no more"

    def _tighter(self, place: str, old: Json, new: Json, seen: Seen) -> Iterator[Finding]:
        """The same of two alternatives of one type."""
        if (pair := (id(old), id(new))) in seen:
            return
        seen |= {pair}
        yield from ((place, what) for what in _tightened(old, new))
        was, now = old.get("properties", {}), new.get("properties", {})
        for name in sorted({*new.get("required", [])} - {*old.get("required", [])}):
            yield f"{place}.{name}", "the member is required now"
        for name, one in was.items():
            other = now.get(name, new.get("additionalProperties"))
            if isinstance(other, dict):
                yield from self._narrowed(f"{place}.{name}", one, other, seen)
            else:
                yield f"{place}.{name}", "the member is known no more"
        if "propertyNames" in new:
            names, other = ({"type": "string", **side.get("propertyNames", {})} for side in (old, new))
            yield from self._narrowed(f"{place} names", names, other, seen)
        if new.get("additionalProperties") is False and old.get("additionalProperties") is not False:
            yield place, "members that are not named are taken no more"
        for part in ("items", "additionalProperties"):
            if isinstance(old.get(part), dict) and isinstance(new.get(part), dict):
                yield from self._narrowed(f"{place}[]", old[part], new[part], seen)
            elif isinstance(new.get(part), dict) and new[part] and old.get(part) is not False:
                yield f"{place}[]", "not everything is taken any more"

    def _lost(self, place: str, old: Json, new: Json, seen: Seen = frozenset()) -> Iterator[Finding]:
        """What an answer as of `old` could be relied on for, and one as of `new` cannot."""
        was = _alternatives(self.before, old)
        for kind, one in _alternatives(self.after, new):
            known = _of_kind(kind, was)
            if not known:
                yield place, f"it may be {kind} now"
                continue
            named = [other for other in known if self._says_the_same(other, one)]
            yield from _fewest(self._looser(place, other, one, seen) for other in named or known)

    def _looser(self, place: str, old: Json, new: Json, seen: Seen) -> Iterator[Finding]:
        """The same of two alternatives of one type."""
        if (pair := (id(old), id(new))) in seen:
            return
        seen |= {pair}
        for name in _WRITTEN:
            if name in old and new.get(name) != old[name]:
                yield place, f"the {name} is another one"
        now, needed = new.get("properties", {}), new.get("required", [])
        for name, one in old.get("properties", {}).items():
            if name not in now:
                yield f"{place}.{name}", "the member is gone"
                continue
            if name in old.get("required", []) and name not in needed:
                yield f"{place}.{name}", "the member may be missing now"
            yield from self._lost(f"{place}.{name}", one, now[name], seen)
        for part in ("items", "additionalProperties"):
            if isinstance(old.get(part), dict) and isinstance(new.get(part), dict):
                yield from self._lost(f"{place}[]", old[part], new[part], seen)

    def _says_the_same(self, old: Json, new: Json) -> bool:
        """Whether two alternatives have the same words in the members for which they have one word only."""
        was, now = _own_words(self.before, old), _own_words(self.after, new)
        shared = was.keys() & now.keys()
        return bool(shared) and all(was[name] == now[name] for name in shared)


def _fewest(found: Iterable[Iterator[Finding]]) -> Sequence[Finding]:
    """Of several comparisons, any of which may be the right one, that which finds least."""
    return min(map(list, found), key=len)


def _found(document: Json, schema: Json) -> Json:
    """Where a reference leads; the schema itself where it is none."""
    while "$ref" in schema:
        found: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    return schema


def _schema(content: Json) -> Json:
    """Of a type of content; one that anything fits where nothing is said of it."""
    found: Json = content.get("schema", {})
    return found


def _alternatives(document: Json, schema: Json) -> Sequence[Alternative]:
    """Everything that a schema allows, type by type; words of one type are one alternative, wherever they stand."""
    schema = _found(document, schema)
    several = schema.get("anyOf") or schema.get("oneOf")
    if several:
        return _with_words_joined([one for each in several for one in _alternatives(document, each)])
    words = _words(schema)
    if words is not None:
        kinds = dict.fromkeys(_type_of(word) for word in words)
        return [(kind, {"enum": [word for word in words if _type_of(word) == kind]}) for kind in kinds]
    types = schema.get("type", "any")
    return [(kind, schema) for kind in (types if isinstance(types, list) else [types])]


def _with_words_joined(found: Sequence[Alternative]) -> Sequence[Alternative]:
    """An enumeration that is split into several says what it said before."""
    words: dict[str, list[Any]] = {}
    for kind, one in found:
        words.setdefault(kind, []).extend(one.get("enum", []))
    others = [(kind, one) for kind, one in found if "enum" not in one]
    return [*others, *((kind, {"enum": said}) for kind, said in words.items() if said)]


def _of_kind(kind: str, alternatives: Sequence[Alternative]) -> Sequence[Json]:
    """Those that may be of a type; an integer is a number."""
    fitting = {kind, "any", "number"} if kind == "integer" else {kind, "any"}
    return [one for other, one in alternatives if other in fitting]


def _tightened(old: Json, new: Json) -> Iterator[str]:
    """Bounds, words and formats of one type."""
    for name in _LOWER_IS_NARROWER:
        if name in new and (name not in old or new[name] < old[name]):
            yield f"{name} is lower now"
    for name in _HIGHER_IS_NARROWER:
        if name in new and (name not in old or new[name] > old[name]):
            yield f"{name} is higher now"
    for name in ("pattern", *_WRITTEN):
        if name in new and new[name] != old.get(name):
            yield f"the {name} is another one"
    if new.get("uniqueItems") and not old.get("uniqueItems"):
        yield "nothing is taken twice any more"
    if _words(new) is not None:
        yield "words alone are taken now"


def _takes(schema: Json, word: Any) -> bool:
    """Whether a word of the type that a schema is of is within its words and bounds."""
    words = _words(schema)
    if words is not None:
        return any(_is_same(word, one) for one in words)
    if isinstance(word, str):
        return (
            schema.get("minLength", 0) <= len(word) <= schema.get("maxLength", len(word))
            and re.search(schema.get("pattern", ""), word) is not None
        )
    if isinstance(word, int | float) and not isinstance(word, bool):
        above = word > schema.get("exclusiveMinimum", word - 1)
        below = word < schema.get("exclusiveMaximum", word + 1)
        return bool(above and below and schema.get("minimum", word) <= word <= schema.get("maximum", word))
    return not isinstance(word, list | dict)


def _words(schema: Json) -> Sequence[Any] | None:
    """All that a schema allows, where it says so word by word."""
    if "const" in schema:
        return [schema["const"]]
    found: Sequence[Any] | None = schema.get("enum")
    return found


def _own_words(document: Json, schema: Json) -> Json:
    """The members of an object for which there is one word only, with that word."""
    said = {name: _words(_found(document, one)) for name, one in schema.get("properties", {}).items()}
    return {name: words[0] for name, words in said.items() if words is not None and len(words) == 1}


def _type_of(word: Any) -> str:
    return "null" if word is None else _TYPES[type(word)]


def _is_same(one: Any, other: Any) -> bool:
    """As JSON has it: true is not 1."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _codes(schema: Json) -> set[str]:
    """The codes of an error's schema; none of what is no error."""
    found: set[str] = set()
    for part in schema.get("allOf", []):
        said = part.get("properties", {}).get("error", {}).get("properties", {}).get("code", {})
        found |= set(said.get("enum", []))
    return found
