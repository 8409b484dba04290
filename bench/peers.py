"""How other gateways are started, where somebody has installed them.

python -m bench --peer litellm=<path of litellm> --peer portkey=<path of start-server.js>
"""

import json
import shutil
from collections.abc import Callable, Mapping
from typing import Final

from bench.running import Command
from bench.targets import Ground, Target

KEY: Final = "sk-bench"
LITELLM_SETTINGS: Final = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOG": "ERROR",
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_TELEMETRY": "False",
    "LITELLM_MASTER_KEY": KEY,
}
PORTKEY_START: Final = """
const net = require('net');
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (...given) {
  const at = typeof given[0] === 'object' ? given[0] : { port: given[0] };
  const done = given.find((each) => typeof each === 'function');
  return listen.call(this, { ...at, host: '127.0.0.1' }, done);
};
"""
"""It has no option for the address it binds."""


def litellm(path: str) -> Target:
    """LiteLLM's proxy with a master key and no database: it neither holds nor settles."""

    def command(ground: Ground) -> Command:
        route = {
            "model_name": "*",
            "litellm_params": {
                "model": "openai/*",
                "api_base": f"http://127.0.0.1:{ground.upstream}/v1",
                "api_key": KEY,
            },
        }
        written = ground.folder / "litellm.yaml"
        written.write_text(json.dumps({"model_list": [route]}))  # JSON is YAML
        where = ("--host", "127.0.0.1", "--port", str(ground.port), "--num_workers", "1")
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(ground.folder), **LITELLM_SETTINGS}
        return Command((path, "--config", str(written), *where), environment, ground.folder)

    return Target("LiteLLM", command, (f"authorization: Bearer {KEY}",))


def portkey(path: str) -> Target:
    """Portkey's gateway, told by headers where to send: it knows no keys and no prices."""

    def command(ground: Ground) -> Command:
        start = ground.folder / "loopback.cjs"
        start.write_text(PORTKEY_START)
        node = shutil.which("node") or "node"
        environment = {
            "PATH": "/usr/bin:/bin",
            "NODE_ENV": "production",
            "TRUSTED_CUSTOM_HOSTS": "127.0.0.1",
        }
        words = (node, "--require", str(start), path, f"--port={ground.port}", "--headless")
        return Command(words, environment, ground.folder)

    headers = (
        "x-portkey-provider: openai",
        "x-portkey-custom-host: http://127.0.0.1:{upstream}/v1",
        f"authorization: Bearer {KEY}",
    )
    return Target("Portkey", command, headers)


PEERS: Final[Mapping[str, Callable[[str], Target]]] = {"litellm": litellm, "portkey": portkey}


def installed(asked: str) -> Target:
    """The target of `name=path`.

    Raises:
        KeyError: a peer nobody has described.
    """
    name, _, path = asked.partition("=")
    return PEERS[name](path)
