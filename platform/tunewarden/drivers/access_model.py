"""The access model: read once, checked, and made into small Casbin enforcers that share one parsed matcher.

Of Casbin the matcher, the effect and the rule that decided are used. Parsing the matcher anew for every decision, as
Casbin does, costs about a third of it, and CPython 3.11 cannot do it in several threads at once (`SystemError`).
"""

import ast
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from threading import local
from typing import Any

import casbin
from casbin.model import Assertion, Model
from casbin.util import SimpleEval

from tunewarden.domain.access import Rule
from tunewarden.domain.access_predicates import Outcomes, applies
from tunewarden.domain.errors import Malformed
from tunewarden.domain.names import Role

_EFFECT = "some(where (p_eft == allow)) && !some(where (p_eft == deny))"
_REQUEST = ["r_sub", "r_dom", "r_things", "r_act", "r_env"]
_POLICY = ["p_role", "p_act", "p_kind", "p_cond", "p_eft", "p_dom"]

Judge = Callable[[frozenset[str], str, Sequence[str], str, Outcomes], tuple[bool, str]]
"""(roles held, project, the thing and what it is in, action, conditions) -> allowed, id of the rule that decided."""


class AccessModel:
    """`policies/access/model.conf`, understood."""

    def __init__(self, text: str) -> None:
        """Raises `Malformed` unless it is a model of our rules in which a deny beats every allow, without eval."""
        if any("eval" in line for line in text.splitlines() if not line.startswith("#")):
            raise _fault("uses eval, which would let a policy line run code", "Use a named condition instead.")
        self._sections = _sections(text)
        self._of_thread = local()
        matcher = self._sections["m"]["m"].value
        words = re.sub(r"!(?!=)", " not ", matcher.replace("&&", " and ").replace("||", " or "))
        try:
            self._tree = ast.parse(words.strip(), mode="eval").body
        except SyntaxError as error:
            raise _fault("has a matcher that cannot be parsed", "Mend it.") from error

    def judge(self, rules: Sequence[Rule]) -> Judge:
        """An enforcer for a few rules, at least one: without any, Casbin would match empty strings."""
        if not rules:
            raise ValueError("no rule to judge by")
        enforcer = casbin.Enforcer(self._model(rules), enable_log=False)
        # It prints who asked and was denied. `enable_log` disables the logger, but a server that sets up logging
        # enables it again; a level above all others stays.
        enforcer.logger.setLevel(logging.CRITICAL + 1)
        enforcer._get_expression = self._expression
        ids = {tuple(rule): rule.id for rule in rules}

        def judge(
            held: frozenset[str], project: str, things: Sequence[str], action: str, env: Outcomes
        ) -> tuple[bool, str]:
            allowed, decided = enforcer.enforce_ex(held, project, things, action, env)
            return allowed is True, ids[tuple(decided)] if decided else ""

        return judge

    def _model(self, rules: Sequence[Rule]) -> Any:
        model = Model()
        for section, assertions in self._sections.items():
            model[section] = {name: copy(assertion) for name, assertion in assertions.items()}
        model["p"]["p"].policy = [list(rule) for rule in rules]
        return model

    def _expression(self, _text: str, _functions: Mapping[str, Any]) -> Any:
        """The matcher, ready to be asked; one for each thread, because it keeps the names that it is asked about."""
        found = getattr(self._of_thread, "expression", None)
        if found is None:
            found = SimpleEval("", {"g": _holds_role, "holds": applies})
            found.ast_parsed_value = self._tree
            self._of_thread.expression = found
        return found


def _holds_role(held: frozenset[str], role: str, _project: str) -> bool:
    """The model's `g`, over roles that are known already: `domain.access_roles.RoleGraph.held` says which.

    Casbin's own finds no role that is ten links away, scans all of a tenant's roles for each link, and keeps every name
    that it is ever asked about.
    """
    return role in held


def _sections(text: str) -> Mapping[str, Mapping[str, Assertion]]:
    model = Model()
    try:
        model.load_model_from_text(text)
        request, policy, effect, _ = (model[name][name] for name in ("r", "p", "e", "m"))
        links = model["g"]["g"]
    except Exception as error:  # whatever Casbin stumbles over
        raise _fault("cannot be read", "Compare it with the one that is shipped.") from error
    if request.tokens != _REQUEST or policy.tokens != _POLICY or len(links.tokens) != 3:
        raise _fault("is not about our rules and requests", "Compare it with the one that is shipped.")
    if effect.value != _EFFECT:
        raise _fault("does not let a deny beat every allow", "Compare it with the one that is shipped.")
    if [len(model[name]) for name in ("r", "p", "e", "m", "g")] != [1] * 5:
        raise _fault("has a second definition", "Compare it with the one that is shipped.")
    return dict(model.items())


def _fault(what: str, remedy: str) -> Malformed:
    return Malformed("access_model_malformed", f"The access model {what}.", remedy=remedy, who=Role.ADMINISTRATOR)
