"""What CloudFormation will see: that relay routes really stream, and that nothing was added."""

import subprocess
from typing import Any, Final

import pytest

from tests import template

pytestmark = pytest.mark.sam

STREAMING: Final = "/2021-11-15/functions/${Relay.Arn}/response-streaming-invocations"
BUFFERED: Final = "/2015-03-31/functions/${%s.Arn}/invocations"
ANY: Final = "x-amazon-apigateway-any-method"

ROUTES: Final = [
    pytest.param("/", ANY, "Relay", id="answers without a key"),
    pytest.param("/healthz", "get", "Relay", id="the same loop, so the same form"),
    pytest.param("/v1/{proxy+}", ANY, "Relay", id="OpenAI, Anthropic and Gemini"),
    pytest.param("/v1beta/{proxy+}", ANY, "Relay", id="Gemini"),
    pytest.param("/api/admin", ANY, "Admin", id="the management API's root"),
    pytest.param("/api/admin/{proxy+}", ANY, "Admin", id="the management API"),
    pytest.param("/api/customer_pricing/{proxy+}", ANY, "Admin", id="its part for prices, again"),
    pytest.param("/api/portal/{proxy+}", ANY, "Portal", id="the portal"),
]


def api() -> dict[str, Any]:
    """The OpenAPI document of the one REST API."""
    (found,) = template.of_type("AWS::ApiGateway::RestApi", template.transformed()).values()
    body: dict[str, Any] = found["Body"]
    return body


def test_these_are_all_the_routes() -> None:
    found = {(path, method) for path, methods in api()["paths"].items() for method in methods}
    assert found == {(case.values[0], case.values[1]) for case in ROUTES}


@pytest.mark.parametrize(("path", "method", "function"), ROUTES)
def test_a_route_streams_if_and_only_if_it_is_the_relays(
    path: str, method: str, function: str
) -> None:
    integration = api()["paths"][path][method]["x-amazon-apigateway-integration"]
    streams = function == "Relay"
    suffix = STREAMING if streams else BUFFERED % function
    assert integration["type"] == "aws_proxy"
    assert integration["uri"]["Fn::Sub"].endswith(f"lambda:path{suffix}")
    assert integration.get("responseTransferMode") == ("STREAM" if streams else None)
    assert integration.get("timeoutInMillis") == (900_000 if streams else None)


def test_api_gateway_waits_longer_than_any_function_runs() -> None:
    timeouts = {name: found["Timeout"] for name, found in functions().items()}
    assert timeouts == {
        "Relay": 900,
        "Admin": 28,
        "Portal": 28,
        "BillingAggregator": 60,
        "Janitor": 900,
    }


def functions() -> dict[str, dict[str, Any]]:
    """Every function as Lambda gets it."""
    return template.of_type("AWS::Lambda::Function", template.transformed())


def test_one_regional_api_with_one_stage() -> None:
    (found,) = template.of_type("AWS::ApiGateway::RestApi", template.transformed()).values()
    assert found["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    (stage,) = template.of_type("AWS::ApiGateway::Stage", template.transformed()).values()
    assert stage["StageName"] == {"Ref": "Stage"}
    assert template.of_type("AWS::ApiGatewayV2::Api", template.transformed()) == {}


def test_the_transform_adds_no_role_and_no_permission_to_one() -> None:
    written = template.of_type("AWS::IAM::Role")
    found = template.of_type("AWS::IAM::Role", template.transformed())
    assert {name: role["Policies"] for name, role in found.items()} == {
        name: role["Policies"] for name, role in written.items()
    }
    assert template.of_type("AWS::IAM::Policy", template.transformed()) == {}


def test_only_api_gateway_may_invoke_and_only_by_a_route() -> None:
    permissions = template.of_type("AWS::Lambda::Permission", template.transformed()).values()
    assert {each["Principal"] for each in permissions} == {"apigateway.amazonaws.com"}
    assert {each["Action"] for each in permissions} == {"lambda:InvokeFunction"}
    assert all("SourceArn" in each for each in permissions)


def test_gateway_responses_survive_the_transform() -> None:
    found = api()["x-amazon-apigateway-gateway-responses"]
    assert set(found) == set(template.properties("Api")["GatewayResponses"])
    assert found["REQUEST_TOO_LARGE"]["statusCode"] == "413"
    headers = found["REQUEST_TOO_LARGE"]["responseParameters"]
    assert headers["gatewayresponse.header.x-should-retry"] == "'false'"


def test_a_function_logs_json_to_its_own_group() -> None:
    assert {name: found["LoggingConfig"] for name, found in functions().items()} == {
        name: {
            "LogFormat": "JSON",
            "ApplicationLogLevel": {"Ref": "LogLevel"},
            "LogGroup": {"Ref": f"{name}Logs"},
        }
        for name in functions()
    }


def test_every_function_is_told_the_same_names() -> None:
    extra = {"Relay": {"AWS_LAMBDA_EXEC_WRAPPER"}}
    names = {
        name: set(found["Environment"]["Variables"]) - extra.get(name, set())
        for name, found in functions().items()
    }
    assert len({frozenset(each) for each in names.values()}) == 1
    assert "TOLLGATE_WALLETS_TABLE" in names["Relay"]


def test_stream_failures_go_to_the_bucket_whole() -> None:
    mappings = template.of_type("AWS::Lambda::EventSourceMapping", template.transformed())
    failures = {name: found.get("DestinationConfig") for name, found in mappings.items()}
    bucket = {"OnFailure": {"Destination": {"Fn::GetAtt": ["Bucket", "Arn"]}}}
    assert failures == {
        "BillingAggregatorSettle": bucket,
        "BillingAggregatorPublish": bucket,
        "JanitorQueue": None,
    }


def test_sam_finds_nothing_to_complain_about() -> None:
    template.transformed()  # skips without the SAM environment
    run = subprocess.run(
        [template.SAM_PYTHON.with_name("sam"), "validate", "--lint"],
        cwd=template.ROOT,
        env=template.sam_shell(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "is a valid SAM Template" in run.stdout
