"""Every code that an error of the platform can have, read from its source.

A code is the first argument of one of our errors or of a `Declined`, the third of `problem`, or behind a status in a
tuple. Where it is the parameter of the function around it, the calls of that function are looked at; where it is put
together, its parts that vary match any word.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tunewarden.domain import errors
from tunewarden.entry.api.errors import STATUS, status_of

SOURCE = Path(errors.__file__).parents[1]
_KINDS = {
    name: one
    for name, one in vars(errors).items()
    if isinstance(one, type) and issubclass(one, errors.TunewardenError) and one is not errors.TunewardenError
}
_ANY = "[a-z0-9_]+"
_STATUS_BEFORE_CODE = {"problem": 2, "client_error": 1, "_error": 1}
"""Functions that are given a status and, at this place, a code."""
_OF_EXITS = {"USAGE": 422, "NOT_LOGGED_IN": 401}
"""What a command that declined by itself would have answered; as a refusal where nothing is said."""
Place = tuple[Path, int]


@dataclass(slots=True)
class Found:
    """Codes with the statuses they are answered with, patterns of those put together, and where nothing was found."""

    codes: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    patterns: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    unread: list[Place] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Function:
    """A function that raises with a code it is given: which argument that is, the status, and where it is known."""

    name: str
    position: int
    status: int
    path: Path

    def is_called(self, call: ast.Call, path: Path) -> bool:
        """By its name; one that begins with a line is known in its own file only."""
        return _name(call) == self.name and (path == self.path or not self.name.startswith("_"))


def codes_in(source: Path = SOURCE) -> Found:
    """What the files below a folder hold."""
    trees = {path: ast.parse(path.read_text()) for path in sorted(source.rglob("*.py"))}
    found, passing = Found(), set[_Function]()
    for path, tree in trees.items():
        constants = _constants(tree)
        for status, code in _beside_statuses(tree):
            found.codes[code].add(status)
        for around, call in _calls(tree):
            for status, said in _raised(call):
                _note(found, passing, said, status, constants, around, (path, call.lineno))
    for path, tree in trees.items():
        constants = _constants(tree)
        for around, call in _calls(tree):
            for one in passing:
                if one.is_called(call, path) and (said := _argument(call, one.position, "code")) is not None:
                    _note(found, set(), said, one.status, constants, around, (path, call.lineno))
    return found


def _note(
    found: Found,
    passing: set[_Function],
    said: ast.expr,
    status: int,
    constants: Mapping[str, str],
    around: ast.FunctionDef | None,
    place: Place,
) -> None:
    match said:
        case ast.Constant(value=str(code)):
            found.codes[code].add(status)
        case ast.Name(id=name) if name in constants:
            found.codes[constants[name]].add(status)
        case ast.Name(id=name) if around is not None and name in (given := _given(around)):
            passing.add(_Function(around.name, given.index(name), status, place[0]))
        case ast.Name(id=name) if around is not None:
            for code in _assigned(around, name):
                found.codes[code].add(status)
        case ast.IfExp(body=one, orelse=other):
            for each in (one, other):
                _note(found, passing, each, status, constants, around, place)
        case ast.JoinedStr(values=parts):
            whole = [re.escape(part.value) if isinstance(part, ast.Constant) else _ANY for part in parts]  # type: ignore[type-var]
            found.patterns["".join(whole)].add(status)
        case ast.Attribute(attr="code"):
            pass  # an error that is raised once more
        case _:
            found.unread.append(place)


def _raised(call: ast.Call) -> Iterator[tuple[int, ast.expr]]:
    """The status and the code of what a call makes, if it makes an error."""
    kind = _KINDS.get(_name(call))
    if kind is not None and (said := _argument(call, 0, "code")) is not None:
        status = STATUS[errors.NotFound] if kind is errors.Unseen else status_of(kind("", ""))
        yield status, said
    if _name(call) == "Declined" and isinstance(call.args[0], ast.Constant):  # else it is one that was answered
        exits = [getattr(one.value, "attr", "") for one in call.keywords if one.arg == "exit_code"]
        yield _OF_EXITS.get("".join(exits), 403), call.args[0]
    place = _STATUS_BEFORE_CODE.get(_name(call), 0)
    if place and len(call.args) > place and isinstance(call.args[place - 1], ast.Constant):
        yield int(str(call.args[place - 1].value)), call.args[place]  # type: ignore[attr-defined]


def _beside_statuses(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Tuple(elts=[ast.Constant(value=int(status)), ast.Constant(value=str(code)), *_]):
                if 400 <= status < 600 and re.fullmatch(_ANY, code):
                    yield status, code


def _argument(call: ast.Call, position: int, name: str) -> ast.expr | None:
    if len(call.args) > position:
        return call.args[position]
    return next((one.value for one in call.keywords if one.arg == name), None)


def _name(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _given(function: ast.FunctionDef) -> list[str]:
    """The names of a function's arguments, as a call of it counts them."""
    names = [one.arg for one in (*function.args.args, *function.args.kwonlyargs)]
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def _constants(tree: ast.Module) -> Mapping[str, str]:
    return {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _assigned(function: ast.FunctionDef, name: str) -> Iterator[str]:
    """The texts that a function gives to a name of its own."""
    for node in ast.walk(function):
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            yield from (
                one.value
                for one in ast.walk(node)
                if isinstance(one, ast.Constant)
                and isinstance(one.value, str)
                and re.fullmatch(r"[a-z0-9_]+", one.value)
            )
        names = [one.elts for one in targets if isinstance(one, ast.Tuple)]
        for elements in names:
            place = next((i for i, one in enumerate(elements) if isinstance(one, ast.Name) and one.id == name), None)
            if place is not None and isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple):
                said = node.value.elts[place]
                if isinstance(said, ast.Constant) and isinstance(said.value, str):
                    yield said.value


def _calls(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef | None, ast.Call]]:
    """Every call, with the innermost function around it."""
    waiting: list[tuple[ast.FunctionDef | None, ast.AST]] = [(None, tree)]
    while waiting:
        around, node = waiting.pop()
        inside = node if isinstance(node, ast.FunctionDef) else around
        if isinstance(node, ast.Call):
            yield around, node
        waiting.extend((inside, child) for child in ast.iter_child_nodes(node))
