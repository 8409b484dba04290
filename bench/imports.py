"""What a cold start pays before its first call: importing the function, in fresh processes."""

import json
import statistics
import subprocess
from typing import Final

from bench.running import Command, NotStarted

TIMES: Final = 7
ABSENT: Final = ("click", "rich")
"""What development brings along and httpx then loads; the built layer has neither."""

CODE: Final = f"""
import json, sys, time
sys.modules.update(dict.fromkeys({ABSENT!r}))
wall, cpu = time.perf_counter(), time.process_time()
for name in sys.argv[1:]:
    __import__(name)
print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu]))
"""


def import_times(command: Command) -> dict[str, float]:
    """Milliseconds to import what `command` names, medians over fresh processes with bytecode.

    Raises:
        NotStarted: the import failed.
    """
    _once(command)  # writes the bytecode that a built layer brings along
    seen = [_once(command) for _ in range(TIMES)]
    walls, cpus = zip(*seen, strict=True)
    return {
        "import_wall_ms": 1000 * statistics.median(walls),
        "import_ms": 1000 * statistics.median(cpus),
    }


def _once(command: Command) -> tuple[float, float]:
    done = subprocess.run(
        command.words,
        env=dict(command.environment),
        cwd=command.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode:
        raise NotStarted(done.stderr[-2000:])
    wall, cpu = json.loads(done.stdout.splitlines()[-1])
    return wall, cpu
