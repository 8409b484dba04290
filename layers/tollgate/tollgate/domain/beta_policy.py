"""Which of a vendor's beta features callers may ask for, by what kind of account they would use.

A caller names features in the header `anthropic-beta`. Staff's rules let one pass, take it out, or
refuse the call.
"""

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, get_args

from tollgate.domain.errors import InvalidRequest, ValidationFailed
from tollgate.domain.patterns import allows

if TYPE_CHECKING:  # definitions take a relay 30 ms to load, and only staff have settings
    from tollgate.domain.definitions import Setting

SETTING: Final = "beta_policy"
HEADER: Final = "anthropic-beta"

Action = Literal["pass", "filter", "block"]
Scope = Literal["all", "oauth", "apikey", "bedrock"]

RULES_LIMIT: Final = 100
MODELS_LIMIT: Final = 50
TEXT_LIMIT: Final = 32_000
"""Every relay keeps it with all prices."""

TOKEN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
TEXT: Final = re.compile(r"[^\x00-\x1f\x7f]{0,300}")
MODEL: Final = re.compile(r"[^\x00-\x20\x7f]{1,256}")


@dataclass(frozen=True, slots=True)
class BetaRule:
    """What becomes of one feature at accounts of a type (`scope`).

    With a `model_whitelist` (names, or a prefix before `*`), models that it does not name get the
    fallback action. The messages are what a refused caller reads; empty: a text of ours.
    """

    beta_token: str
    action: Action
    scope: Scope = "all"
    error_message: str = ""
    model_whitelist: tuple[str, ...] = ()
    fallback_action: Action = "pass"
    fallback_error_message: str = ""


Policy = tuple[BetaRule, ...]

DEFAULT: Final[Policy] = (
    BetaRule("fast-mode-2026-02-01", "filter"),
    BetaRule("context-1m-2025-08-07", "filter"),
)
"""What holds as long as nobody has set anything: both features cost more than the model's price."""


class Wanting(NamedTuple):
    """Whom a call would be sent to: the account's type, and every name the model has on the way."""

    account_type: str
    models: tuple[str, ...]


def tokens_of(header: str) -> tuple[str, ...]:
    """The features a header names: separated by commas, or a JSON array.

    Within an array commas separate, too: what is left of it goes on as a list of that kind.
    """
    header = header.strip()
    if header.startswith("["):
        with suppress(ValueError, RecursionError):  # then it is a list, as a vendor would read it
            header = ",".join(each for each in json.loads(header) if isinstance(each, str))
    return tuple(each.strip() for each in header.split(",") if each.strip())


def permitted(policy: Policy, tokens: Iterable[str], wanting: Wanting) -> tuple[str, ...]:
    """Those features that go on.

    Raises:
        InvalidRequest: a rule refuses one of them; says so in the rule's words.
    """
    named = tuple(tokens)
    dropped: set[str] = set()
    for rule in policy:
        if rule.beta_token not in named or not concerns(rule, wanting.account_type):
            continue
        action, message = reading(rule, wanting.models)
        if action == "block":
            told = message or f"beta feature {rule.beta_token} is not offered here; leave it out"
            raise InvalidRequest(told, param=HEADER)
        if action == "filter":
            dropped.add(rule.beta_token)
    return tuple(token for token in named if token not in dropped)


def permitted_headers(
    policy: Policy, headers: Mapping[str, str], wanting: Wanting
) -> Mapping[str, str]:
    """A caller's headers with the features that go on; as they were where all do.

    Raises:
        InvalidRequest: as `permitted`.
    """
    named = tokens_of(headers.get(HEADER, ""))
    left = permitted(policy, named, wanting)
    if left == named:
        return headers
    others = {name: value for name, value in headers.items() if name != HEADER}
    return {**others, HEADER: ",".join(left)} if left else others


def concerns(rule: BetaRule, account_type: str) -> bool:
    """Whether a rule is about accounts of a type; a scope that nobody knows is about all."""
    return rule.scope == account_type or rule.scope not in SCOPES


def reading(rule: BetaRule, models: Iterable[str]) -> tuple[Action, str]:
    """What a rule says of a model: what becomes of it, and in which words."""
    if not rule.model_whitelist or any(allows(rule.model_whitelist, each) for each in models):
        return rule.action, rule.error_message
    return rule.fallback_action, rule.fallback_error_message


SCOPES: Final = frozenset(get_args(Scope)) - {"all"}
"""Scopes that are about accounts of one type."""


# --- the setting ----------------------------------------------------------------------------------


def policy_of(settings: Mapping[str, str | int | bool]) -> Policy:
    """The rules in force."""
    text = settings.get(SETTING)
    return read_policy(text) if isinstance(text, str) else DEFAULT


@lru_cache(maxsize=8)
def read_policy(text: str) -> Policy:
    """Rules from the setting's text.

    Raises:
        ValidationFailed: it is not `{"rules": […]}`, or a rule is wrong; names the field.
    """
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        told = None
    rules = told.get("rules") if isinstance(told, dict) else None
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise refusal("rules", "must be a list of rules, as JSON")
    if len(rules) > RULES_LIMIT or len(text) > TEXT_LIMIT:
        raise refusal("rules", f"at most {RULES_LIMIT} rules, and {TEXT_LIMIT} characters of them")
    return tuple(read_rule(rule, f"rules[{number}]") for number, rule in enumerate(rules, 1))


def written(policy: Policy) -> str:
    """The setting's text; what a rule leaves at its default is left out."""
    rules = [
        {
            name: list(value) if isinstance(value, tuple) else value
            for name in BetaRule.__slots__
            if (value := getattr(rule, name)) != DEFAULTS.get(name)
        }
        for rule in policy
    ]
    return json.dumps({"rules": rules}, ensure_ascii=False, separators=(",", ":"))


DEFAULTS: Final[Mapping[str, Any]] = {
    name: getattr(BetaRule("", "pass"), name) for name in BetaRule.__slots__[2:]
}


def read_rule(rule: Mapping[str, Any], where: str) -> BetaRule:
    """One rule.

    Raises:
        ValidationFailed: names the field at fault.
    """
    fields = {**DEFAULTS, **rule}
    for name in fields:
        if name not in BetaRule.__slots__:
            raise refusal(f"{where}.{name}", "is no field of a rule")
    for name in ("action", "fallback_action"):
        one_of(fields.get(name), get_args(Action), f"{where}.{name}")
    one_of(fields["scope"], get_args(Scope), f"{where}.scope")
    for name, form, wanted in FORMS:
        text_of(fields.get(name), form, f"{where}.{name}", wanted)
    return BetaRule(**{**fields, "model_whitelist": models_of(fields["model_whitelist"], where)})


FORMS: Final = (
    ("beta_token", TOKEN, "1 to 100 letters, digits, '.', '_' and '-'"),
    ("error_message", TEXT, "at most 300 characters in one line"),
    ("fallback_error_message", TEXT, "at most 300 characters in one line"),
)


def models_of(value: object, where: str) -> tuple[str, ...]:
    """The names of a whitelist."""
    field = f"{where}.model_whitelist"
    if not isinstance(value, list | tuple) or len(value) > MODELS_LIMIT:
        raise refusal(field, f"must be a list of at most {MODELS_LIMIT} models")
    for number, name in enumerate(value, 1):
        text_of(name, MODEL, f"{field}[{number}]", "a model's name, or a prefix before *")
    return tuple(value)


def text_of(value: object, form: re.Pattern[str], field: str, wanted: str) -> None:
    """Refuse what is no text of a form."""
    if not isinstance(value, str) or form.fullmatch(value) is None:
        raise refusal(field, f"must be {wanted}")


def one_of(value: object, allowed: tuple[str, ...], field: str) -> None:
    """Refuse what is none of a few words."""
    if value not in allowed:
        raise refusal(field, f"must be one of {', '.join(allowed)}")


def refusal(field: str, why: str) -> ValidationFailed:
    """A rule that is not saved, by its field."""
    return ValidationFailed(f"{field}: {why}", param=field)


def check_beta_setting(setting: "Setting") -> None:
    """Refuse a policy that cannot be read.

    Raises:
        ValidationFailed: names the field at fault.
    """
    if setting.name != SETTING:
        return
    if not isinstance(setting.value, str):
        raise refusal("value", "must be the text of a policy")
    read_policy(setting.value)
