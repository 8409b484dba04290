"""Trying an upstream account over HTTP, before or after it is saved, and asking for its models."""

from dataclasses import asdict, replace
from typing import Annotated

from pydantic import BaseModel, Field

from tollgate.domain.compilation import compile_account
from tollgate.domain.definitions import AccountDefinition
from tollgate.domain.errors import Conflict, UpstreamUnavailable
from tollgate.ids import RANDOM_DIGITS, new_id
from tollgate.services.account_checks import Opened, Trial
from tollgate.services.accounts import Accounts
from tollgate.store.credentials import opener, proxy_opener
from tollgate.web.admin.account_bodies import AccountCreate, drafted
from tollgate.web.admin.desk import ROOT, Desk
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import Body, Text

Model = Annotated[Text, Field(description="Empty: the first name that the account lists.")]
Key = Annotated[int, Field(ge=1, le=1_000, description="Which of its API keys, from 1.")]


class AccountTest(Body):
    """What is asked for, and with which API key."""

    model: Model = ""
    key: Key = 1


class AccountDraftTest(AccountCreate):
    """An account as it would be created, and what is asked of it."""

    model: Model = ""
    key: Key = 1


class TrialView(BaseModel):
    """What came of one call; `status` 0 when there was no answer."""

    ok: bool
    model: str
    upstream_model: str
    status: int
    ms: int
    said: Annotated[str, Field(description="The first words of the answer.")]
    error: Annotated[str, Field(description="What went wrong, without secrets; empty if nothing.")]

    @classmethod
    def of(cls, trial: Trial) -> "TrialView":
        return cls(ok=not trial.error, **asdict(trial))


class ModelList(BaseModel):
    """Names of models in the order the upstream has them; for Bedrock those that are known."""

    models: list[str]


class AccountCheckResource:
    """/accounts/test, /accounts/{id}/test and /accounts/{id}/models"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._stores = desk.stores
        self._accounts = Accounts(desk.stores.catalog, desk.stores.secrets, loopback=desk.loopback)

    def endpoints(self) -> tuple[Endpoint, ...]:
        accounts, account, write = (
            f"{ROOT}/accounts",
            f"{ROOT}/accounts/<account>",
            "accounts.write",
        )
        return (
            Endpoint("POST", f"{accounts}/test", write, self.test_draft),
            Endpoint("POST", f"{account}/test", write, self.test),
            Endpoint("GET", f"{account}/models", write, self.models),
        )

    def test_draft(self, body: AccountDraftTest) -> TrialView:
        """Try an account that is not saved, with one small call that the upstream charges for."""
        identity = new_id("acc", self._desk.clock(), self._desk.random(32**RANDOM_DIGITS))
        draft, submitted = drafted(identity, body)
        unsaved = self._accounts.unsaved(draft, submitted, self._desk.author)
        opened = self._opened(unsaved, body.key - 1)
        nameless = replace(opened.account, secret={})  # no access token of it is kept
        return self._tried("draft", replace(opened, account=nameless), body.model)

    def test(self, account: str, body: AccountTest) -> TrialView:
        """Try an account with one small call that the upstream charges for."""
        found = self._stores.catalog.accounts.get(account)
        return self._tried(account, self._opened(found, body.key - 1), body.model)

    def models(self, account: str) -> ModelList:
        """Read which models the upstream offers to an account."""
        opened = self._opened(self._stores.catalog.accounts.get(account))
        return ModelList(models=list(self._desk.checks.models(opened)))

    def _tried(self, name: str, opened: Opened, model: str) -> TrialView:
        view = TrialView.of(self._desk.checks.call(opened, model))
        self._desk.trail.note("account.test", name, None, view)
        return view

    def _opened(self, account: AccountDefinition, key: int = 0) -> Opened:
        """An account with its secrets."""
        found = compile_account(account)
        try:
            secret = opener(self._stores.secrets)(found)
            return Opened(found, secret, proxy_opener(self._stores.secrets)(found), key)
        except UpstreamUnavailable as error:
            raise Conflict(
                "the account's credentials cannot be opened; send them again", param="credentials"
            ) from error
