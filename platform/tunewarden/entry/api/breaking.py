"""Which change of the interface description breaks a program that was written against the one before. Pure.

It breaks: an operation, a parameter, a member of an answer or a code of an error goes; an operation is renamed (clients
are generated with the names); something is asked for that was not; a request that was taken is taken no more, because
a word, a type or a value that was allowed is not; an answer may be of a type that it never was. It does not break, and
docs/coming-from-openai.md says so: an answer has a further member, or a further word where it had some.

Not compared: patterns beyond being the same, and descriptions.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

_LOWER_IS_NARROWER = ("maximum", "maxLength", "maxItems", "maxProperties")
_HIGHER_IS_NARROWER = ("minimum", "minLength", "minItems", "minProperties")
_METHODS = frozenset({"get", "post", "put", "patch", "delete"})


def broken(before: Json, after: Json) -> list[str]:
    """What would break, each with its place; empty where nothing does."""
    return [f"{place}: {what}" for place, what in _Comparison(before, after).operations()]


Finding = tuple[str, str]


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
        yield from self._body(place, old.get("requestBody"), new.get("requestBody"))
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
                yield from self._narrowed(here, one["schema"], now[key]["schema"])
        for key, one in now.items():
            if one.get("required") and not was.get(key, {}).get("required"):
                yield f"{place} {key[0]} {key[1]}", "the parameter is required now"

    def _body(self, place: str, old: Json | None, new: Json | None) -> Iterator[Finding]:
        if new is not None and new.get("required") and not (old or {}).get("required"):
            yield place, "a body is required now"
        for kind, one in (old or {}).get("content", {}).items():
            other = (new or {}).get("content", {}).get(kind)
            if other is None:
                yield place, f"{kind} is taken no more"
            else:
                yield from self._narrowed(f"{place} body", one["schema"], other["schema"])

    def _answers(self, place: str, old: Json, new: Json) -> Iterator[Finding]:
        for status, one in old.items():
            was, now = _found(self.before, one), _found(self.after, new.get(status, {}))
            for kind, content in was.get("content", {}).items():
                here, other = f"{place} {status}", now.get("content", {}).get(kind)
                if other is None:
                    yield here, f"{kind} is answered no more"
                elif int(status) < 400:
                    yield from self._lost(here, content["schema"], other["schema"])
                else:
                    gone = _codes(content["schema"]) - _codes(other["schema"])
                    yield from ((here, f"the code {code} is gone") for code in sorted(gone))

    def _narrowed(self, place: str, old: Json, new: Json, seen: frozenset[str] = frozenset()) -> Iterator[Finding]:
        """What `old` allowed in a request, and `new` does not."""
        if "$ref" in old:
            if (mark := f"{old['$ref']} {new.get('$ref')}") in seen:
                return
            seen |= {mark}
        now = _kinds(self.after, new)
        for kind, one in _kinds(self.before, old).items():
            other = now.get(kind, now.get("number") if kind == "integer" else now.get("any"))
            if other is None:
                yield place, f"{kind} is taken no more"
                continue
            yield from ((place, what) for what in _tightened(one, other))
            yield from self._members_asked(place, one, other, seen)

    def _members_asked(self, place: str, old: Json, new: Json, seen: frozenset[str]) -> Iterator[Finding]:
        was, now = old.get("properties", {}), new.get("properties", {})
        for name in sorted({*new.get("required", [])} - {*old.get("required", [])}):
            yield f"{place}.{name}", "the member is required now"
        for name, one in was.items():
            if name in now:
                yield from self._narrowed(f"{place}.{name}", one, now[name], seen)
            elif not isinstance(new.get("additionalProperties"), dict):
                yield f"{place}.{name}", "the member is known no more"
        if new.get("additionalProperties") is False and old.get("additionalProperties") is not False:
            yield place, "members that are not named are taken no more"
        for part in ("items", "additionalProperties"):
            if isinstance(old.get(part), dict) and isinstance(new.get(part), dict):
                yield from self._narrowed(f"{place}[]", old[part], new[part], seen)
            elif isinstance(new.get(part), dict) and new[part] and old.get(part) is not False:
                yield f"{place}[]", "not everything is taken any more"

    def _lost(self, place: str, old: Json, new: Json, seen: frozenset[str] = frozenset()) -> Iterator[Finding]:
        """What an answer as of `old` could be relied on for, and one as of `new` cannot."""
        if "$ref" in old:
            if (mark := f"{old['$ref']} {new.get('$ref')}") in seen:
                return
            seen |= {mark}
        was = _kinds(self.before, old)
        for kind, one in _kinds(self.after, new).items():
            other = was.get(kind, was.get("number") if kind == "integer" else was.get("any"))
            if other is None:
                yield place, f"it may be {kind} now"
                continue
            yield from self._members_told(place, other, one, seen)
            for part in ("items", "additionalProperties"):
                if isinstance(other.get(part), dict) and isinstance(one.get(part), dict):
                    yield from self._lost(f"{place}[]", other[part], one[part], seen)

    def _members_told(self, place: str, old: Json, new: Json, seen: frozenset[str]) -> Iterator[Finding]:
        now, needed = new.get("properties", {}), new.get("required", [])
        for name, one in old.get("properties", {}).items():
            if name not in now:
                yield f"{place}.{name}", "the member is gone"
                continue
            if name in old.get("required", []) and name not in needed:
                yield f"{place}.{name}", "the member may be missing now"
            yield from self._lost(f"{place}.{name}", one, now[name], seen)


def _found(document: Json, schema: Json) -> Json:
    """Where a reference leads; the schema itself where it is none."""
    while "$ref" in schema:
        found: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    return schema


def _kinds(document: Json, schema: Json) -> Mapping[str, Json]:
    """The types that a schema allows, each with what it says of that type; "any" where it names none."""
    schema = _found(document, schema)
    several = schema.get("anyOf") or schema.get("oneOf")
    if several:
        return {kind: one for each in several for kind, one in _kinds(document, each).items()}
    if schema.get("enum") or "const" in schema:
        return {schema.get("type", "string"): schema}
    types = schema.get("type", "any")
    return dict.fromkeys(types if isinstance(types, list) else [types], schema)


def _tightened(old: Json, new: Json) -> Iterator[str]:
    """Bounds and words of one type."""
    for name in _LOWER_IS_NARROWER:
        if name in new and (name not in old or new[name] < old[name]):
            yield f"{name} is lower now"
    for name in _HIGHER_IS_NARROWER:
        if name in new and (name not in old or new[name] > old[name]):
            yield f"{name} is higher now"
    if "pattern" in new and new["pattern"] != old.get("pattern"):
        yield "the pattern is another one"
    words = _words(new)
    if words is not None and (_words(old) is None or not (_words(old) or set()) <= words):
        yield "words are taken no more"


def _words(schema: Json) -> set[str] | None:
    if "const" in schema:
        return {repr(schema["const"])}
    return {repr(one) for one in schema["enum"]} if "enum" in schema else None


def _codes(schema: Json) -> set[str]:
    """The codes of an error's schema."""
    found: set[str] = set()
    for part in schema.get("allOf", []):
        said = part.get("properties", {}).get("error", {}).get("properties", {}).get("code", {})
        found |= set(said.get("enum", []))
    return found
