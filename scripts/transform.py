"""What CloudFormation will see: the template after the SAM transform, as JSON on standard output.

Runs in the SAM environment (`.venv-sam/bin/python -m scripts.transform template.yaml`), needs no
AWS account, and fails for the reasons `sam validate` fails.
"""

import json
import sys
from pathlib import Path
from typing import Any

from samcli.lib.translate.sam_template_validator import (  # type: ignore[import-not-found]
    SamTemplateValidator,
)
from samcli.yamlhelper import yaml_parse  # type: ignore[import-not-found]


class _NoPolicies:
    """The roles are written by hand, so no managed policy needs looking up."""

    def load(self) -> dict[str, str]:
        return {}


def transformed(template: str) -> dict[str, Any]:
    """Run the transform on a template's text."""
    validator = SamTemplateValidator(yaml_parse(template), _NoPolicies(), region="us-east-1")
    result: dict[str, Any] = yaml_parse(validator.get_translated_template_if_valid())
    return result


if __name__ == "__main__":
    print(json.dumps(transformed(Path(sys.argv[1]).read_text(encoding="utf-8")), indent=1))
