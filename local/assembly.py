"""In which order the local stack comes up; it goes down the other way round."""

import asyncio
import importlib.util
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from local import ports
from local.child import Child, Program
from local.claim import claim
from local.emulator import stores
from local.emulator.cloud import Cloud
from local.emulator.provision import provision
from local.fleet import Fleet
from local.functions.invoke_api import InvokeApi
from local.gateway import api
from local.gateway.app import Gateway
from local.gateway.server import HOST, Front, listen
from local.options import ROOT, Options
from local.sources import Sources
from local.template import application, functions
from local.template.application import Application
from local.template.functions import Function
from tollgate.store import clients
from tollgate.store.pepper_generation import make_pepper

PARAMETERS: Final = {"Stage": "local", "SignUp": "open"}
PEPPER: Final = "TOLLGATE_PEPPER_PARAMETER"
FIRST: Final = 1
LOCAL: Final = {clients.LOCAL: "1"}
"""Lets functions call upstreams on loopback, and wait longer for the stores."""

REPLAY: Final = "local.replay"
INHERITED: Final = ("HOME", "LANG", "PATH", "SSL_CERT_DIR", "SSL_CERT_FILE")

FINISH_WITHIN: Final = 5.0
"""Seconds that calls under way get when the stack stops."""
DRAIN_WITHIN: Final = 10.0
"""Seconds that stream records get; what is left is delivered after the next start."""
END_WITHIN: Final = 3.0


@dataclass(frozen=True, slots=True)
class Running:
    """A stack that has come up."""

    url: str
    environment: Mapping[str, str]
    """By which tools and tests find its tables, queue, functions and upstream."""
    failed: asyncio.Future[str]
    """Why it cannot go on, should that happen."""


async def bring_up(options: Options, say: Callable[[str], None], exits: AsyncExitStack) -> Running:
    """Start everything; closing `exits` stops whatever was started, also half-way.

    Raises:
        PortTaken, DirectoryInUse, NotReady, Differs, NotPlayed, UnknownName: it cannot.
    """
    failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    listener = exits.enter_context(listen(options.port))
    exits.enter_context(claim(options.directory))
    shutil.rmtree(options.logs, ignore_errors=True)  # each run has its own
    if options.forgets:
        shutil.rmtree(options.kept, ignore_errors=True)
    upstream = await _start_upstream(options, exits)
    emulator = await stores.start(options, exits)
    if emulator.child:
        emulator.child.over.add_done_callback(lambda _: _fail(failed, "the emulator has ended"))

    app = await asyncio.to_thread(_furnish, options, emulator.cloud)
    parts = functions.read(app)
    shared = {**emulator.cloud.environment, **LOCAL}
    fleet = Fleet(parts, options, {**_inherited(), **shared}, say)
    exits.push_async_callback(fleet.stop, END_WITHIN)
    await fleet.start()
    sources = Sources(parts, emulator.cloud, fleet, options.kept / "checkpoints")
    exits.push_async_callback(sources.stop, DRAIN_WITHIN)
    sources.start()

    tools = _serve_tools(parts, fleet, exits)
    exits.push_async_callback(fleet.settle, FINISH_WITHIN)
    front = Front(Gateway(api.read(app, parts), fleet.submit), listener)
    exits.push_async_callback(front.stop)
    front.start()
    url = f"http://{HOST}:{listener.getsockname()[1]}"
    names = {"TOLLGATE_URL": url, "TOLLGATE_UPSTREAM_URL": upstream, **tools}
    return Running(url, {**shared, **_settings(parts), **names}, failed)


async def _start_upstream(options: Options, exits: AsyncExitStack) -> str:
    """The URL of the upstream for the demo data; empty when this version has none."""
    if options.upstream or importlib.util.find_spec(REPLAY) is None:
        return options.upstream
    port = ports.kept_port(options.directory / "upstream.port")
    command = [sys.executable, "-m", REPLAY, "--port", str(port)]
    child = Child(Program(command, _inherited(), ROOT, options.logs / "replay.log"))
    exits.push_async_callback(child.end, END_WITHIN)
    await ports.wait_for(port, child)
    return f"http://{HOST}:{port}"


def _furnish(options: Options, cloud: Cloud) -> Application:
    declared = application.load(options.template, cloud.region, PARAMETERS)
    app = provision(declared, cloud)
    if path := _settings(functions.read(app)).get(PEPPER):
        ssm = clients.lean({**cloud.environment, **LOCAL}).ssm
        make_pepper(ssm, path, FIRST, secrets.token_bytes)
    return app


def _serve_tools(parts: list[Function], fleet: Fleet, exits: AsyncExitStack) -> Mapping[str, str]:
    """Serve Lambda's Invoke API; the variable by which AWS clients find it."""
    listener = exits.enter_context(listen(0))
    front = Front(InvokeApi({part.name: part.id for part in parts}, fleet.submit), listener)
    exits.push_async_callback(front.stop)
    front.start()
    return {"AWS_ENDPOINT_URL_LAMBDA": f"http://{HOST}:{listener.getsockname()[1]}"}


def _settings(parts: list[Function]) -> dict[str, str]:
    """What the functions are told of tables and the like, all together."""
    return {
        name: value
        for part in parts
        for name, value in part.environment.items()
        if name.startswith("TOLLGATE_")
    }


def _inherited() -> dict[str, str]:
    """What children may know of the person who started us; above all no AWS credentials."""
    environment = os.environ
    return {name: environment[name] for name in INHERITED if name in environment}


def _fail(failed: asyncio.Future[str], reason: str) -> None:
    if not failed.done():
        failed.set_result(reason)
