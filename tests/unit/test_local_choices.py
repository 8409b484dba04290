"""What may be chosen about the local stack, and what it tells its user."""

from pathlib import Path

import pytest

from local.__main__ import read_options
from local.claim import DirectoryInUse, claim
from local.demo import welcome
from local.emulator.moto_server import aws_host
from local.gateway.server import PortTaken, listen
from local.options import Options

SIGNED = "AWS4-HMAC-SHA256 Credential=local/20261122/eu-west-1/{}/aws4_request, SignedHeaders=host"


@pytest.mark.parametrize(
    ("service", "target", "host"),
    [
        pytest.param("s3", "", "s3.eu-west-1.amazonaws.com", id="by the signature"),
        pytest.param(
            "dynamodb",
            "DynamoDB_20120810.PutItem",
            "dynamodb.eu-west-1.amazonaws.com",
            id="tables",
        ),
        pytest.param(
            "dynamodb",
            "DynamoDBStreams_20120810.GetRecords",
            "streams.dynamodb.eu-west-1.amazonaws.com",
            id="streams sign as tables do",
        ),
    ],
)
def test_a_signed_request_says_which_service_it_is_for(
    service: str, target: str, host: str
) -> None:
    assert aws_host(SIGNED.format(service), target) == host


def test_each_emulator_has_its_own_state_so_that_trying_another_one_loses_nothing() -> None:
    urls = ["http://127.0.0.1:4566", "http://127.0.0.1:4567"]
    kept = [Options(emulator=name).kept for name in ("ministack", "moto", *urls)]
    assert len(set(kept)) == 4
    assert kept[2].name == "http-127.0.0.1-4566"


def test_only_motos_state_ends_with_the_stack() -> None:
    assert Options(emulator="moto").forgets
    assert not Options(emulator="ministack").forgets
    assert not Options(emulator="http://127.0.0.1:4566").forgets


def test_an_emulator_that_nobody_knows_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read_options(["--emulator", "ministak"])
    assert "'ministak' is none; choose ministack, moto or a URL" in capsys.readouterr().err


def test_an_unsigned_request_is_for_nobody() -> None:
    assert aws_host("", "DynamoDB_20120810.PutItem") == ""


def test_newcomers_get_snippets_with_their_key(tmp_path: Path) -> None:
    text = welcome(
        {"TOLLGATE_URL": "http://127.0.0.1:8700", "TOLLGATE_API_KEY": "sk-demo"}, tmp_path
    )

    assert text.startswith("Tollgate is ready at http://127.0.0.1:8700\n")
    assert "curl http://127.0.0.1:8700/v1/chat/completions" in text
    assert '-H "Authorization: Bearer sk-demo"' in text
    assert 'OpenAI(base_url="http://127.0.0.1:8700/v1", api_key="sk-demo")' in text


def test_without_demo_data_there_are_no_snippets(tmp_path: Path) -> None:
    assert "curl" not in welcome({"TOLLGATE_URL": "http://127.0.0.1:8700"}, tmp_path)


def test_a_port_is_taken_only_while_somebody_listens() -> None:
    with listen(0) as first:
        port = first.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port} is already in use"):
            listen(port)

    listen(port).close()


def test_a_directory_is_claimed_until_it_is_released(tmp_path: Path) -> None:
    with claim(tmp_path / "state"), pytest.raises(DirectoryInUse, match="in use by process"):
        claim(tmp_path / "state")

    claim(tmp_path / "state").close()
