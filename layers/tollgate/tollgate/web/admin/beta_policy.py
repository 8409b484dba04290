"""The rules on beta features over HTTP: one setting, shown and replaced as a whole."""

from dataclasses import replace
from typing import Annotated, Final, Self

from pydantic import BaseModel, Field

from tollgate.domain.beta_policy import (
    DEFAULT,
    MODELS_LIMIT,
    RULES_LIMIT,
    SETTING,
    Action,
    BetaRule,
    Scope,
    read_policy,
    written,
)
from tollgate.domain.definitions import Setting
from tollgate.web.admin.desk import ROOT, Desk
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import Body, IfMatch, View, empty
from tollgate.web.management.versions import check_unseen, wanted


class RuleBody(Body):
    """What becomes of one feature at accounts of a type."""

    beta_token: str
    action: Action
    scope: Annotated[Scope, Field(description="The type of the accounts it is about.")] = "all"
    error_message: Annotated[str, Field(description="What a refused caller reads.")] = ""
    model_whitelist: Annotated[
        list[str],
        Field(max_length=MODELS_LIMIT, description="Names, or a prefix before *; empty: all."),
    ] = empty(list)
    fallback_action: Annotated[Action, Field(description="For models not in the list.")] = "pass"
    fallback_error_message: str = ""


class PolicyBody(Body):
    """All rules, in place of those that are there."""

    rules: Annotated[list[RuleBody], Field(max_length=RULES_LIMIT)]


class RuleView(BaseModel):
    """One rule with all its fields."""

    beta_token: str
    action: Action
    scope: Scope
    error_message: str
    model_whitelist: list[str]
    fallback_action: Action
    fallback_error_message: str


class PolicyView(View):
    """The rules in force; version 0 are those that hold as long as nobody has set any."""

    rules: list[RuleView]

    @classmethod
    def shown(cls, setting: Setting) -> Self:
        """The rules of the setting."""
        policy = read_policy(str(setting.value))
        rules = [RuleView.model_validate(rule, from_attributes=True) for rule in policy]
        return cls.of(setting, rules=rules)


class BetaPolicyResource:
    """/settings/beta-policy"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._settings = desk.stores.catalog.settings

    def endpoints(self) -> tuple[Endpoint, ...]:
        path = f"{ROOT}/settings/beta-policy"
        return (
            Endpoint("GET", path, "settings.read", self.get),
            Endpoint("PUT", path, "settings.write", self.put),
        )

    def get(self) -> PolicyView:
        """Read the rules on beta features."""
        return PolicyView.shown(self._settings.find(SETTING) or UNSET)

    def put(self, body: PolicyBody, if_match: IfMatch = None) -> PolicyView:
        """Replace the rules on beta features; relays follow within seconds."""
        text = written(tuple(rule_of(rule) for rule in body.rules))
        before = self._settings.find(SETTING)
        if before is None:
            check_unseen(if_match)
            after = self._settings.create(Setting(SETTING, text), self._desk.author)
        else:
            version = wanted(if_match)
            after = self._settings.change(
                SETTING, version, lambda seen: replace(seen, value=text), self._desk.author
            )
        shown = PolicyView.shown(after)
        self._desk.trail.note("setting.change", SETTING, PolicyView.shown(before or UNSET), shown)
        return shown


UNSET: Final = Setting(SETTING, written(DEFAULT))
"""What counts as long as nobody has set anything."""


def rule_of(body: RuleBody) -> BetaRule:
    """A rule as it is kept."""
    return BetaRule(**{**dict(body), "model_whitelist": tuple(body.model_whitelist)})
