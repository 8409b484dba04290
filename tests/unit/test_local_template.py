"""What the local stack understands of a CloudFormation template."""

from pathlib import Path
from typing import Any

import pytest

from local.template import application, functions
from local.template.intrinsics import NO_VALUE, Names, UnknownName, resolve
from local.template.played import NotPlayed

NAMES = Names(
    values={"Stage": "dev", "Empty": "", "AWS::Region": "eu-west-1"},
    conditions={
        "IsDev": {"Fn::Equals": [{"Ref": "Stage"}, "dev"]},
        "IsProd": {"Fn::Not": [{"Condition": "IsDev"}]},
    },
    mappings={"Sizes": {"dev": {"small": 3}}},
    resources={"Table": {"Ref": "t-1", "Arn": "arn:t-1"}},
)


@pytest.mark.parametrize(
    ("value", "meaning"),
    [
        pytest.param("plain", "plain", id="plain text"),
        pytest.param({"Ref": "Stage"}, "dev", id="a parameter"),
        pytest.param({"Ref": "Table"}, "t-1", id="a resource"),
        pytest.param({"Ref": "AWS::NoValue"}, NO_VALUE, id="no value"),
        pytest.param({"Fn::GetAtt": ["Table", "Arn"]}, "arn:t-1", id="an attribute"),
        pytest.param({"Fn::Sub": "${Stage}/${Table.Arn}"}, "dev/arn:t-1", id="a substitution"),
        pytest.param({"Fn::Sub": "${!Literal} $5"}, "${Literal} $5", id="an escaped variable"),
        pytest.param(
            {"Fn::Sub": ["${A}-${Stage}", {"A": {"Ref": "Table"}}]}, "t-1-dev", id="own variables"
        ),
        pytest.param({"Fn::If": ["IsDev", "yes", "no"]}, "yes", id="a condition that holds"),
        pytest.param({"Fn::If": ["IsProd", "yes", "no"]}, "no", id="a condition that does not"),
        pytest.param(
            {"Fn::And": [{"Condition": "IsDev"}, {"Condition": "IsProd"}]}, False, id="and"
        ),
        pytest.param({"Fn::Or": [{"Condition": "IsDev"}, {"Condition": "IsProd"}]}, True, id="or"),
        pytest.param({"Fn::FindInMap": ["Sizes", {"Ref": "Stage"}, "small"]}, 3, id="a mapping"),
        pytest.param({"Fn::Join": ["-", ["a", {"Ref": "Stage"}]]}, "a-dev", id="join"),
        pytest.param(
            {"Fn::Select": ["1", {"Fn::Split": [",", "a,b"]}]}, "b", id="select and split"
        ),
        pytest.param(
            {"a": {"Ref": "AWS::NoValue"}, "b": [{"Ref": "AWS::NoValue"}, 1]},
            {"b": [1]},
            id="no value takes its key with it",
        ),
    ],
)
def test_a_function_means_what_cloudformation_says(value: Any, meaning: Any) -> None:
    assert resolve(value, NAMES) == meaning


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"Ref": "Nobody"}, id="an unknown name"),
        pytest.param({"Fn::GetAtt": ["Table", "Colour"]}, id="an unknown attribute"),
        pytest.param({"Fn::If": ["Never", 1, 2]}, id="an unknown condition"),
        pytest.param({"Fn::ImportValue": "other"}, id="a function that has no meaning here"),
    ],
)
def test_what_means_nothing_here_is_refused(value: Any) -> None:
    with pytest.raises(UnknownName):
        resolve(value, NAMES)


TEMPLATE = """
Parameters:
  Stage: { Type: String, Default: dev }
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
Globals:
  Function:
    Handler: app.handler
    Timeout: 9
    Environment: { Variables: { A: shared, B: !Ref T } }
Resources:
  T: { Type: AWS::DynamoDB::Table, Properties: { TableName: !Sub "${AWS::StackName}-t" } }
  Unnamed: { Type: AWS::S3::Bucket }
  Rare: { Type: AWS::S3::Bucket, Condition: IsProd }
  One:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/one
      MemorySize: !If [IsProd, 512, 256]
      Environment: { Variables: { B: own, C: !GetAtt T.Arn } }
      Events:
        Streamed:
          Type: Api
          Properties: { Path: /, Method: ANY, ResponseTransferMode: RESPONSE_STREAM }
  Two:
    Type: AWS::Serverless::Function
    Properties: { CodeUri: functions/two, FunctionName: second, Timeout: 1.5 }
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE, "utf-8")
    return path


def test_functions_inherit_globals_and_their_settings_are_resolved(template: Path) -> None:
    one, two = functions.read(application.load(template, "eu-west-1"))

    assert one.environment == {
        "A": "shared",
        "B": "own",
        "C": "arn:aws:dynamodb:eu-west-1:000000000000:table/tollgate-t",
    }
    assert (one.name, one.short_name, one.timeout, one.memory) == ("tollgate-one", "one", 9.0, 256)
    assert one.folder == template.parent / "functions" / "one"
    assert one.streams
    assert (two.name, two.timeout, two.streams) == ("second", 1.5, False)
    assert two.environment == {"A": "shared", "B": "tollgate-t"}


def test_a_resource_whose_condition_fails_does_not_exist(template: Path) -> None:
    app = application.load(template, "eu-west-1")

    assert [each.id for each in app.of_type("AWS::S3::Bucket")] == ["Unnamed"]
    assert app.names.attribute("Unnamed", "Ref") == "tollgate-unnamed"


def test_parameters_replace_the_defaults_of_the_template(template: Path) -> None:
    app = application.load(template, "eu-west-1", {"Stage": "prod"})

    assert [each.id for each in app.of_type("AWS::S3::Bucket")] == ["Unnamed", "Rare"]


def test_what_is_known_after_creation_replaces_what_was_assumed(template: Path) -> None:
    app = application.load(template, "eu-west-1").knowing({"T": {"StreamArn": "arn:stream"}})

    assert app.resolved({"Fn::GetAtt": ["T", "StreamArn"]}) == "arn:stream"
    assert app.resolved({"Ref": "T"}) == "tollgate-t"


def test_an_event_that_nobody_would_send_is_refused(template: Path) -> None:
    template.write_text(TEMPLATE.replace("Type: Api\n", "Type: HttpApi\n"), "utf-8")

    with pytest.raises(NotPlayed, match="events of type HttpApi"):
        functions.read(application.load(template, "eu-west-1"))
