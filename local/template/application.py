"""Which resources of the template exist here, and what each is called before it is created."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from local.template import yaml_file
from local.template.intrinsics import Attributes, Names, resolve

ACCOUNT: Final = "000000000000"
STACK: Final = "tollgate"
STAGE: Final = "local"

NAME_PROPERTY: Final = {
    "AWS::DynamoDB::Table": "TableName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::KMS::Alias": "AliasName",
    "AWS::SSM::Parameter": "Name",
    "AWS::SNS::Topic": "TopicName",
    "AWS::Serverless::Function": "FunctionName",
}
ARN: Final = {
    "AWS::DynamoDB::Table": "dynamodb:{region}:{account}:table/{name}",
    "AWS::SQS::Queue": "sqs:{region}:{account}:{name}",
    "AWS::S3::Bucket": "s3:::{name}",
    "AWS::SNS::Topic": "sns:{region}:{account}:{name}",
    "AWS::Serverless::Function": "lambda:{region}:{account}:function:{name}",
}


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of the template, unresolved."""

    id: str
    type: str
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Application:
    """A template on this machine: its resources and what their names mean."""

    folder: Path
    resources: Mapping[str, Resource]
    defaults: Mapping[str, Any]
    """`Globals`: properties that functions and APIs inherit."""
    names: Names

    def of_type(self, kind: str) -> Iterator[Resource]:
        """The resources of one CloudFormation type, in the template's order."""
        return (each for each in self.resources.values() if each.type == kind)

    def resolved(self, part: Any) -> Any:
        """A part of the template with its intrinsic functions replaced.

        Raises:
            UnknownName: it refers to something that has no meaning here.
        """
        return resolve(part, self.names)

    def knowing(self, attributes: Mapping[str, Attributes]) -> "Application":
        """The same application after resources were created and more is known of them."""
        merged = {key: dict(value) for key, value in self.names.resources.items()}
        for key, value in attributes.items():
            merged.setdefault(key, {}).update(value)
        names = Names(self.names.values, self.names.conditions, self.names.mappings, merged)
        return Application(self.folder, self.resources, self.defaults, names)


def load(path: Path, region: str, parameters: Mapping[str, str] | None = None) -> Application:
    """The application a template describes; `parameters` replace the defaults it declares.

    Raises:
        OSError, yaml.YAMLError: the file cannot be read.
        UnknownName: a condition or a name refers to something unknown.
    """
    document = yaml_file.read(path)
    names = Names(
        _pseudo(region) | _declared(document) | dict(parameters or {}),
        document.get("Conditions", {}),
        document.get("Mappings", {}),
    )
    resources = {
        key: Resource(key, body["Type"], body.get("Properties") or {})
        for key, body in document.get("Resources", {}).items()
        if "Condition" not in body or resolve({"Condition": body["Condition"]}, names)
    }
    bare = Application(path.parent.resolve(), resources, document.get("Globals", {}), names)
    return bare.knowing({key: _attributes(each, names) for key, each in resources.items()})


def _pseudo(region: str) -> dict[str, Any]:
    return {
        "AWS::Region": region,
        "AWS::AccountId": ACCOUNT,
        "AWS::StackName": STACK,
        "AWS::StackId": f"arn:aws:cloudformation:{region}:{ACCOUNT}:stack/{STACK}/local",
        "AWS::Partition": "aws",
        "AWS::URLSuffix": "amazonaws.com",
    }


def _declared(document: Mapping[str, Any]) -> dict[str, Any]:
    declared = document.get("Parameters", {})
    return {name: body.get("Default", "") for name, body in declared.items()}


def _attributes(resource: Resource, names: Names) -> Attributes:
    """What can be said of a resource by its declaration alone."""
    given = resource.properties.get(NAME_PROPERTY.get(resource.type, ""))
    name = str(resolve(given, names)) if given else f"{STACK}-{resource.id}".lower()
    pattern = ARN.get(resource.type, "local:{region}:{account}:{name}")
    arn = pattern.format(region=names.values["AWS::Region"], account=ACCOUNT, name=name)
    return {"Ref": name, "Arn": f"arn:aws:{arn}"}
