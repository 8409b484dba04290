"""Which stand-in for AWS's stores is used, and how it is started and stopped."""

import os
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from local.child import Child, Program
from local.emulator.cloud import CREDENTIAL, REGION, Cloud
from local.options import ROOT, Options
from local.ports import NotReady, free_port, wait_for
from local.template.application import ACCOUNT

PYTHON: Final = ROOT / ".venv-emulator" / "bin" / "python"
SERVICES: Final = "dynamodb,dynamodbstreams,kms,s3,sqs,ssm,sts"
LONGEST_SAVE: Final = 30.0
"""Seconds the emulator may take to write its state; killing it earlier would lose the state."""


class Emulator:
    """The stores: a child process of ours, or somebody else's URL."""

    def __init__(self, cloud: Cloud, child: Child | None) -> None:
        self.cloud = cloud
        self.child = child

    async def stop(self) -> None:
        """Let it write its state and end."""
        if self.child:
            await self.child.end(LONGEST_SAVE)


async def start(options: Options, exits: AsyncExitStack) -> Emulator:
    """The stores that the options name, ready to be asked; closing `exits` stops them.

    Raises:
        NotReady: they did not start.
    """
    if "://" in options.emulator:
        return Emulator(Cloud(options.emulator), None)
    port = free_port()
    child = Child(
        _ministack(options, port) if options.emulator == "ministack" else _moto(options, port)
    )
    emulator = Emulator(Cloud(f"http://127.0.0.1:{port}"), child)
    exits.push_async_callback(emulator.stop)
    await wait_for(port, child)
    return emulator


def _ministack(options: Options, port: int) -> Program:
    if not PYTHON.exists():
        raise NotReady("the emulator's environment is missing; `make setup` creates it")
    state = options.directory / "emulator"
    state.mkdir(parents=True, exist_ok=True)
    environment = {
        **_basics(),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "PERSIST_STATE": "1",
        "STATE_DIR": str(state / "state"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(state / "s3"),
        "TMPDIR": str(state),
        "SERVICES": SERVICES,
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "AWS_ACCESS_KEY_ID": CREDENTIAL,
        "AWS_SECRET_ACCESS_KEY": CREDENTIAL,
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": "unix:///nonexistent",  # it looks for containers to clean up otherwise
        "LOG_LEVEL": "WARNING",
    }
    return Program([str(PYTHON), "-m", "ministack"], environment, state, _log(options))


def _moto(options: Options, port: int) -> Program:
    command = [sys.executable, "-m", "local.emulator.moto_server", str(port)]
    return Program(command, {**_basics(), "MOTO_ACCOUNT_ID": ACCOUNT}, ROOT, _log(options))


def _basics() -> Mapping[str, str]:
    return {"PATH": os.defpath, "HOME": "/nonexistent", "PYTHONUNBUFFERED": "1"}


def _log(options: Options) -> Path:
    return options.logs / "emulator.log"
