"""How the loop keeps, replaces and gives up its connection, and how several loops end."""

import logging
import threading
import time
from collections.abc import Iterator

import pytest

from tests.running_runtime import GET, PATIENCE, answers, looping
from tests.scripted_runtime_api import ScriptedRuntimeApi
from tollgate.runtime.api import Refused, RuntimeApi
from tollgate.runtime.context import Context
from tollgate.runtime.environment import read_environment
from tollgate.runtime.logs import Scope
from tollgate.runtime.loop import Loop


@pytest.fixture
def api() -> Iterator[ScriptedRuntimeApi]:
    with ScriptedRuntimeApi() as scripted:
        yield scripted


# --- the connection --------------------------------------------------------------------------


def test_many_calls_share_one_connection(api: ScriptedRuntimeApi) -> None:
    with looping(api, answers({"statusCode": 204})):
        for _ in range(5):
            api.give(GET).outcome()
    assert len(api.connections) == 1


def test_a_lost_idle_connection_is_replaced_before_the_next_call(api: ScriptedRuntimeApi) -> None:
    with looping(api, answers({"statusCode": 204})):
        api.give(GET).outcome()
        api.await_request()
        api.await_request()
        api.drop_connections()
        assert api.give(GET).outcome().metadata["statusCode"] == 204
    assert len(api.connections) == 2


def test_a_connection_lost_while_the_handler_works_is_replaced_for_the_answer(
    api: ScriptedRuntimeApi,
) -> None:
    def handler(event: object, context: Context) -> object:
        api.drop_connections()
        return {"statusCode": 204}

    with looping(api, handler):
        assert api.give(GET).outcome().metadata["statusCode"] == 204


def test_a_runtime_api_that_refuses_to_give_work_ends_the_loop(api: ScriptedRuntimeApi) -> None:
    api.next_status = 500
    loop = Loop(RuntimeApi(api.address), answers(None), read_environment({}), Scope({}, 1))
    with pytest.raises(Refused, match="/invocation/next with 500"):
        loop.run()


def test_a_runtime_api_that_is_gone_ends_the_loop() -> None:
    with ScriptedRuntimeApi() as api:
        address = api.address
    loop = Loop(RuntimeApi(address), answers(None), read_environment({}), Scope({}, 1))
    with pytest.raises(ConnectionRefusedError):
        loop.run()


# --- stopping and concurrency ----------------------------------------------------------------


def test_stopping_while_idle_ends_at_once(api: ScriptedRuntimeApi) -> None:
    with looping(api, answers(None)):
        api.await_request()
        started = time.monotonic()
    assert time.monotonic() - started < 10  # the request it ends would wait for ever


def test_stopping_while_busy_finishes_the_call_in_hand(api: ScriptedRuntimeApi) -> None:
    entered, leave = threading.Event(), threading.Event()

    def handler(event: object, context: Context) -> object:
        entered.set()
        assert leave.wait(PATIENCE)
        return {"statusCode": 204}

    with looping(api, handler) as loop:
        call = api.give(GET)
        assert entered.wait(PATIENCE)
        loop.stop()
        leave.set()
        assert call.outcome().metadata["statusCode"] == 204
    assert api.requests.count("GET /2018-06-01/runtime/invocation/next") == 1


def test_two_loops_serve_two_calls_at_once_and_log_their_own_ids(
    api: ScriptedRuntimeApi,
) -> None:
    both = threading.Barrier(2, timeout=PATIENCE)
    scope = Scope({}, 2)
    seen: dict[str, str] = {}

    def handler(event: object, context: Context) -> object:
        both.wait()
        record = logging.makeLogRecord({})
        scope.filter(record)
        seen[context.aws_request_id] = vars(record)["request_id"]
        both.wait()
        return {"statusCode": 200, "body": context.aws_request_id}

    environment = read_environment({"TOLLGATE_LOOP_THREADS": "2"})
    loops = [Loop(RuntimeApi(api.address), handler, environment, scope) for _ in range(2)]
    threads = [threading.Thread(target=loop.run) for loop in loops]
    for thread in threads:
        thread.start()
    calls = [api.give(GET), api.give(GET)]
    assert [call.outcome().content for call in calls] == [b"call-1", b"call-2"]
    for loop in loops:
        loop.stop()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert seen == {"call-1": "call-1", "call-2": "call-2"}
