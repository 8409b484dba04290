"""Reads a CloudFormation template: short tags become their long form, nothing is resolved yet."""

from pathlib import Path
from typing import Any

import yaml

Document = dict[str, Any]
"""A template, or a part of it, with intrinsic functions in their long form."""


class _Loader(yaml.SafeLoader):
    """Knows `!Ref`, `!Sub` and their kin."""


def _long_form(loader: _Loader, tag: str, node: yaml.Node) -> Document:
    value = _plain(loader, node)
    if tag == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {tag if tag in {"Ref", "Condition"} else f"Fn::{tag}": value}


def _plain(loader: _Loader, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    assert isinstance(node, yaml.MappingNode)  # noqa: S101 - YAML has three kinds of nodes
    return loader.construct_mapping(node, deep=True)


_Loader.add_multi_constructor("!", _long_form)


def read(path: Path) -> Document:
    """The template in that file.

    Raises:
        OSError: the file cannot be read.
        yaml.YAMLError: it is not YAML.
    """
    document: Document = yaml.load(path.read_text("utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    return document
