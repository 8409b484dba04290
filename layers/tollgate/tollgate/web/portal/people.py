"""Signing up, in and out over HTTP, and who one is."""

from typing import Annotated, Any, Literal, Self

from aws_lambda_powertools.event_handler import Response
from pydantic import BaseModel, Field, StringConstraints

from tollgate.domain.definitions import UserDefinition
from tollgate.services.sessions import Opened, csrf_token
from tollgate.services.sign_in import Credentials
from tollgate.web.management.calls import current
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import PRINTABLE, Body, NewPassword, Text
from tollgate.web.management.limits import LimitsView
from tollgate.web.portal.cookies import clear_cookie, secret_in, set_cookie
from tollgate.web.portal.desk import ROOT, Desk

JSON = "application/json"
Address = Annotated[str, StringConstraints(min_length=1, max_length=254, pattern=PRINTABLE)]
AnyPassword = Annotated[str, StringConstraints(min_length=1, max_length=256), Field(repr=False)]


class SignUpForm(Body):
    """A stranger who wants to be a user."""

    email: Address
    password: NewPassword
    name: Text = ""


class SignUpAccepted(BaseModel):
    """The same for every address, whether it was free or not."""

    status: Literal["accepted"] = "accepted"
    next: str = "Sign in with this address and its password."


class SignInForm(Body):
    """An address and its password."""

    email: Address
    password: AnyPassword


class PasswordSet(Body):
    """The password as it is, and as it shall be."""

    current_password: AnyPassword
    new_password: NewPassword


class MeView(BaseModel):
    """The user who is signed in, and the limits over all their calls."""

    id: str
    email: str
    name: str
    status: str
    limits: LimitsView
    created_at: int

    @classmethod
    def of(cls, user: UserDefinition) -> Self:
        """The view of a user."""
        own = {name: getattr(user, name) for name in ("id", "email", "name", "status")}
        limits = LimitsView.of(user.limits)
        return cls(**own, limits=limits, created_at=user.stamp.created_at)


class SessionView(BaseModel):
    """A session. `csrf_token` goes into X-CSRF-Token with everything that changes something."""

    user: MeView
    csrf_token: str
    created_at: int
    idle_at: Annotated[int, Field(description="It ends then unless it is used before (epoch ms).")]
    ends_at: Annotated[int, Field(description="It ends then whatever happens (epoch ms).")]

    @classmethod
    def of(cls, opened: Opened) -> Self:
        """The view of a session."""
        session = opened.session
        return cls(
            user=MeView.of(opened.user),
            csrf_token=csrf_token(opened.secret),
            created_at=session.created_at,
            idle_at=session.idle_at,
            ends_at=session.ends_at,
        )


class PeopleResource:
    """/sign-up, /session, /sessions, /password, /me"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._people = desk.people

    def endpoints(self) -> tuple[Endpoint, ...]:
        return (
            Endpoint("POST", f"{ROOT}/sign-up", "", self.sign_up, 202),
            Endpoint("POST", f"{ROOT}/session", "", self.sign_in),
            Endpoint("GET", f"{ROOT}/session", "session.own", self.session),
            Endpoint("DELETE", f"{ROOT}/session", "session.own", self.sign_out, 204),
            Endpoint("DELETE", f"{ROOT}/sessions", "session.own", self.sign_out_everywhere, 204),
            Endpoint("PUT", f"{ROOT}/password", "session.own", self.set_password),
            Endpoint("GET", f"{ROOT}/me", "me.own", self.me),
        )

    def sign_up(self, body: SignUpForm) -> SignUpAccepted:
        """Ask to become a user; a taken address is answered as a free one."""
        began = self._desk.clock()
        claimed = Credentials(body.email, body.password, current().ip)
        user = self._people.sign_up.register(claimed, body.name)
        if user is not None:
            self._desk.trail.note("user.sign_up", user.id, None, MeView.of(user), actor=user.id)
        self._people.sign_up.even_out(began)
        return SignUpAccepted()

    def sign_in(self, body: SignInForm) -> Response[SessionView]:
        """Open a session; a browser that had one gets another."""
        call = current()
        opened = self._people.sign_in.enter(Credentials(body.email, body.password, call.ip))
        before = secret_in(call.headers.get("cookie", ""))
        if before is not None:
            self._people.signed_in.end(before)
        self._desk.trail.note("session.open", opened.user.id, actor=opened.user.id)
        return with_cookie(opened)

    def session(self) -> SessionView:
        """Read the session, and the CSRF token that goes with it."""
        return SessionView.of(self._desk.opened())

    def sign_out(self) -> Response[None]:
        """End this session."""
        self._people.signed_in.end(current().caller.session)
        self._desk.trail.note("session.end", self._desk.user)
        return without_cookie()

    def sign_out_everywhere(self) -> Response[None]:
        """End all of one's sessions, this one too."""
        self._people.sign_in.leave_everywhere(self._desk.user)
        self._desk.trail.note("session.end_all", self._desk.user)
        return without_cookie()

    def set_password(self, body: PasswordSet) -> Response[SessionView]:
        """Replace the password; every other session ends and this one gets a new secret."""
        opened = self._people.sign_in.change_password(
            self._desk.opened(), body.current_password, body.new_password
        )
        self._desk.trail.note("password.change", opened.user.id)
        return with_cookie(opened)

    def me(self) -> MeView:
        """Read who is signed in."""
        return MeView.of(self._desk.stores.catalog.users.get(self._desk.user))


def with_cookie(opened: Opened) -> Response[SessionView]:
    """The answer that hands a session over."""
    seconds = (opened.session.ends_at - opened.session.created_at) // 1_000
    headers: dict[str, Any] = {"Set-Cookie": set_cookie(opened.secret, seconds)}
    return Response(200, JSON, SessionView.of(opened), headers)


def without_cookie() -> Response[None]:
    """The answer that takes it back."""
    return Response(204, headers={"Set-Cookie": clear_cookie()})
