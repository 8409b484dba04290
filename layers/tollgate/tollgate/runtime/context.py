"""What a handler is told about the call beside its event: Lambda's context object."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace

from tollgate.runtime.api import Invocation


@dataclass(frozen=True)
class Context:
    """Attribute names are Lambda's own, so that any handler and library finds what it expects."""

    aws_request_id: str
    invoked_function_arn: str
    function_name: str
    function_version: str
    memory_limit_in_mb: str
    log_group_name: str
    log_stream_name: str
    client_context: SimpleNamespace | None
    identity: SimpleNamespace
    tenant_id: str | None
    deadline_ms: int
    clock: Callable[[], float] = field(repr=False)

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the call; never below 0."""
        return max(0, self.deadline_ms - int(self.clock() * 1000))


def context_of(
    call: Invocation, variables: Mapping[str, str], clock: Callable[[], float]
) -> Context:
    """`clock` gives epoch seconds. Raises ValueError when Lambda's own headers are no JSON."""
    header, variable = call.headers.get, variables.get
    return Context(
        aws_request_id=call.request_id,
        invoked_function_arn=header("lambda-runtime-invoked-function-arn", ""),
        function_name=variable("AWS_LAMBDA_FUNCTION_NAME", ""),
        function_version=variable("AWS_LAMBDA_FUNCTION_VERSION", ""),
        memory_limit_in_mb=variable("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", ""),
        log_group_name=variable("AWS_LAMBDA_LOG_GROUP_NAME", ""),
        log_stream_name=variable("AWS_LAMBDA_LOG_STREAM_NAME", ""),
        client_context=_client(header("lambda-runtime-client-context")),
        identity=_identity(header("lambda-runtime-cognito-identity")),
        tenant_id=call.tenant_id,
        deadline_ms=int(header("lambda-runtime-deadline-ms", "0")),
        clock=clock,
    )


def _client(header: str | None) -> SimpleNamespace | None:
    if not header:
        return None
    sent = json.loads(header)
    client = SimpleNamespace(**sent["client"]) if sent.get("client") else None
    return SimpleNamespace(custom=sent.get("custom"), env=sent.get("env"), client=client)


def _identity(header: str | None) -> SimpleNamespace:
    sent = json.loads(header) if header else {}
    return SimpleNamespace(
        cognito_identity_id=sent.get("cognitoIdentityId"),
        cognito_identity_pool_id=sent.get("cognitoIdentityPoolId"),
    )
