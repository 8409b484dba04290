"""How a generation of the key pepper comes to be: drawn once, kept by SSM, never replaced."""

from base64 import b64encode
from collections.abc import Callable
from typing import Final

from tollgate.store.aws_json import AwsService
from tollgate.store.dynamodb import RequestRejected

PEPPER_BYTES: Final = 48


def make_pepper(
    ssm: AwsService, path: str, generation: int, random: Callable[[int], bytes]
) -> bool:
    """Put a new pepper at `<path>/<generation>`; False when one is there, which stays.

    Raises:
        StoreError: as the port says; calling again is safe.
    """
    request = {
        "Name": f"{path.rstrip('/')}/{generation}",
        "Value": b64encode(random(PEPPER_BYTES)).decode(),
        "Type": "SecureString",
        "Overwrite": False,
    }
    try:
        ssm.call("PutParameter", request)
    except RequestRejected as error:
        if error.code == "ParameterAlreadyExists":
            return False
        raise
    return True
