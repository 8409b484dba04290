"""A deployed stack is made usable once: one pepper, one first owner, and never a default."""

from collections.abc import Iterator

import pytest

from scripts.bootstrap import announced, found, main, outputs
from tests.admin_api import create_tables
from tests.locked_moto import REGION, locked_moto, service
from tollgate.domain.api_keys import admin_token_id
from tollgate.domain.errors import Conflict
from tollgate.settings import Settings

STACK = {"PepperParameter": "/tollgate/pepper", "CatalogTable": "tollgate-catalog"}
ENVIRONMENT = {"AWS_REGION": REGION}


@pytest.fixture
def stack(aws_environment: None) -> Iterator[None]:
    with locked_moto():
        create_tables(Settings())
        yield


def pepper() -> str:
    name = "/tollgate/pepper/1"
    parameter = service("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]
    assert parameter["Type"] == "SecureString"
    return str(parameter["Value"])


def test_the_first_run_makes_a_pepper_and_an_owner(
    stack: None, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = found(STACK, ENVIRONMENT)
    assert admin_token_id(secret) is not None
    assert len(pepper()) == 64
    assert capsys.readouterr().out == "pepper generation 1: made\n"


def test_the_second_run_makes_nothing(stack: None) -> None:
    found(STACK, ENVIRONMENT)
    before = pepper()
    with pytest.raises(Conflict, match="there is an owner already"):
        found(STACK, ENVIRONMENT)
    assert pepper() == before


def test_a_run_that_died_between_is_finished_by_the_next(stack: None) -> None:
    name = "/tollgate/pepper/1"
    service("ssm").put_parameter(Name=name, Value="p" * 64, Type="SecureString")
    assert admin_token_id(found(STACK, ENVIRONMENT)) is not None
    assert pepper() == "p" * 64


class Stacks:
    """CloudFormation, as far as it is asked."""

    def describe_stacks(self, **asked: str) -> dict[str, object]:
        assert asked == {"StackName": "tollgate-dev"}
        rows = [{"OutputKey": key, "OutputValue": value} for key, value in STACK.items()]
        return {"Stacks": [{"Outputs": rows}]}


def test_the_token_is_printed_once(stack: None, capsys: pytest.CaptureFixture[str]) -> None:
    known = outputs("tollgate-dev", Stacks())
    assert known == STACK
    assert announced(known, ENVIRONMENT) == 0
    assert capsys.readouterr().out.count("tga-") == 1
    assert announced(known, ENVIRONMENT) == 1
    assert "tga-" not in capsys.readouterr().out


def test_without_a_stack_it_says_how(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "scripts.bootstrap <stack>" in capsys.readouterr().out
