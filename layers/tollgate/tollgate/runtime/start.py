"""The order in which a process comes to life: handler, snapshot, loops, end."""

import importlib
import logging
import signal
import sys
import threading
from collections.abc import Callable, Mapping, MutableMapping

from tollgate.runtime.api import Refused, RuntimeApi
from tollgate.runtime.delivery import Undelivered
from tollgate.runtime.environment import read_environment
from tollgate.runtime.fault import Fault, StartFailure, fault_of
from tollgate.runtime.logs import Scope, install_logging
from tollgate.runtime.loop import Handler, Loop

_INIT_FAILED, _BEFORE_SNAPSHOT_FAILED, _AFTER_RESTORE_FAILED = 1, 64, 65  # as the stock client
_logger = logging.getLogger(__name__)


def start(variables: MutableMapping[str, str]) -> int:
    """Runs until told to stop; returns the exit status of the process."""
    api = RuntimeApi(variables["AWS_LAMBDA_RUNTIME_API"])
    try:
        environment = read_environment(variables)
        scope = Scope(variables, environment.threads)
        install_logging(variables, scope)
        handler = load_handler(variables)
    except Exception as error:
        _logger.exception("The function cannot start")
        _tell(api.report_init, fault_of(error))
        return _INIT_FAILED
    more = [RuntimeApi(variables["AWS_LAMBDA_RUNTIME_API"]) for _ in range(environment.threads - 1)]
    loops = [Loop(each, handler, environment, scope) for each in [api, *more]]
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: _stop(loops))
    status = _pass_snapshot(api) if environment.snap_start else 0
    return status or _run(loops)


def load_handler(variables: Mapping[str, str]) -> Handler:
    """Imports `module.function`; raises StartFailure under the stock client's names."""
    sys.path.insert(0, variables["LAMBDA_TASK_ROOT"])
    if "LAMBDA_RUNTIME_DIR" in variables:  # Lambda's own packages, after everything of ours
        sys.path.append(variables["LAMBDA_RUNTIME_DIR"])
    handler = variables["_HANDLER"]
    module, dot, function = handler.rpartition(".")
    if not dot:
        raise StartFailure("Runtime.MalformedHandlerName", f"{handler!r} is not module.function")
    try:
        loaded = importlib.import_module(module.replace("/", "."))
    except ImportError as error:
        raise StartFailure("Runtime.ImportModuleError", f"{module}: {error}") from error
    except SyntaxError as error:
        raise StartFailure("Runtime.UserCodeSyntaxError", f"{module}: {error}") from error
    found: Handler | None = getattr(loaded, function, None)
    if found is None:
        raise StartFailure("Runtime.HandlerNotFound", f"{module} has no {function}")
    return found


def _pass_snapshot(api: RuntimeApi) -> int:
    """SnapStart: what follows `wait_for_restore` happens in every copy of the process."""
    try:
        hooks = importlib.import_module("snapshot_restore_py")
        before, after = hooks.get_before_snapshot(), hooks.get_after_restore()
    except ImportError:  # Lambda brings it along; elsewhere nobody can have registered a hook
        before, after = [], []
    try:
        for function, args, named in reversed(before):
            function(*args, **named)
        api.wait_for_restore()
    except Exception as error:
        _logger.exception("The snapshot cannot be taken")
        _tell(api.report_init, fault_of(error)._replace(type="Runtime.BeforeSnapshotError"))
        return _BEFORE_SNAPSHOT_FAILED
    try:
        for function, args, named in after:
            function(*args, **named)
    except Exception as error:
        _logger.exception("The process cannot live on after its restoration")
        _tell(api.report_restore, fault_of(error)._replace(type="Runtime.AfterRestoreError"))
        return _AFTER_RESTORE_FAILED
    return 0


def _tell(report: Callable[[Fault], None], fault: Fault) -> None:
    try:
        report(fault)
    except Undelivered as error:
        _logger.warning("The failure was not delivered: %s", error)


def _stop(loops: list[Loop]) -> None:
    for loop in loops:
        loop.stop()


def _run(loops: list[Loop]) -> int:
    """The first loop runs in the main thread, as on Lambda; the end of one is the end of all."""
    failures: list[BaseException] = []

    def guarded(loop: Loop) -> None:
        try:
            loop.run()
        except BaseException as error:  # noqa: BLE001 - raised again below, in the main thread
            failures.append(error)
        _stop(loops)

    threads = [threading.Thread(target=guarded, args=[loop]) for loop in loops[1:]]
    for thread in threads:
        thread.start()
    guarded(loops[0])
    for thread in threads:
        thread.join()
    if not failures:
        return 0
    if isinstance(failures[0], OSError | Refused):
        _logger.error("The Runtime API is gone: %s", failures[0])
        return 1
    raise failures[0]
