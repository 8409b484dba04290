"""Settings over HTTP: switches and numbers of the whole installation."""

from dataclasses import replace
from typing import Annotated

from pydantic import Field, StringConstraints

from tollgate.domain.definitions import Setting
from tollgate.web.admin.desk import ROOT, Desk
from tollgate.web.management.creation import Creating
from tollgate.web.management.endpoints import Endpoint
from tollgate.web.management.fields import (
    LARGEST,
    PRINTABLE,
    After,
    Body,
    Entries,
    IfMatch,
    Limit,
    Once,
    View,
)

Value = (
    bool
    | Annotated[int, Field(ge=-LARGEST, le=LARGEST)]
    | Annotated[str, StringConstraints(max_length=1_000, pattern=PRINTABLE)]
)
SettingName = Annotated[str, StringConstraints(pattern="^[a-z][a-z0-9_.]{0,63}$")]


class SettingView(View):
    name: str
    value: bool | int | str


class SettingSet(Body):
    """The new value."""

    value: Value


class SettingCreate(SettingSet):
    """A setting that is not there yet."""

    name: SettingName


class SettingResource:
    """/settings"""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._settings = desk.stores.catalog.settings

    def endpoints(self) -> tuple[Endpoint, ...]:
        settings, setting = f"{ROOT}/settings", f"{ROOT}/settings/<name>"
        return (
            Endpoint("GET", settings, "settings.read", self.list),
            Endpoint("POST", settings, "settings.write", self.create, 201),
            Endpoint("GET", setting, "settings.read", self.get),
            Endpoint("PUT", setting, "settings.write", self.put),
            Endpoint("DELETE", setting, "settings.write", self.delete, 204),
        )

    def list(self, limit: Limit = 50, cursor: After = None) -> Entries[SettingView]:
        """List settings."""
        return self._desk.listed(self._settings, limit, cursor, SettingView.of)

    def create(self, body: SettingCreate, key: Once = None) -> SettingView:
        """Make a setting."""

        def create(_: str, resumed: bool) -> SettingView:
            there = self._settings.find(body.name) if resumed else None
            setting = Setting(body.name, body.value)
            view = SettingView.of(there or self._settings.create(setting, self._desk.author))
            self._desk.trail.note("setting.create", body.name, None, view)
            return view

        return self._desk.creations.once(key, body, Creating("set", create, SettingView))

    def get(self, name: str) -> SettingView:
        """Read a setting."""
        return SettingView.of(self._settings.get(name))

    def put(self, name: str, body: SettingSet, if_match: IfMatch = None) -> SettingView:
        """Change a setting; relays follow within seconds."""
        changed = self._desk.changed(
            self._settings, name, if_match, lambda before: replace(before, value=body.value)
        )
        self._desk.note_change("setting.change", name, changed, SettingView.of)
        return SettingView.of(changed.after)

    def delete(self, name: str, if_match: IfMatch = None) -> None:
        """Remove a setting: its default counts again."""
        before = self._desk.removed(self._settings, name, if_match)
        self._desk.trail.note("setting.delete", name, SettingView.of(before), None)
