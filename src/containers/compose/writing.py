"""The canonical document as text."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import yaml
from typing_extensions import override

from containers.compose.scalars import typed

_NOT_IN_YAML: Final = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_HALF: Final = re.compile("[\\ud800-\\udfff]")
_ORDER: Final = ("name", "services", "networks", "volumes", "secrets", "configs", "models")


def ordered(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with its sections in the order that people expect, and its extensions last."""
    known = [key for key in _ORDER if key in document]
    return {key: document[key] for key in (*known, *(key for key in document if key not in known))}


def to_json(document: Mapping[str, Any]) -> str:
    """As JSON, in a stable key order; it is YAML as well."""
    return json_text(ordered(document), indent=2) + "\n"


def json_text(value: Any, *, indent: int) -> str:
    """JSON that readers of YAML take as it is meant.

    YAML forbids some characters in a text that JSON allows there, and takes others for the end of a line.
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return _NOT_IN_YAML.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def to_yaml(document: Mapping[str, Any]) -> str:
    """As YAML, in a stable key order; reading it again gives the same values."""
    return yaml.dump(
        ordered(document),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=4096,
    )


class _Dumper(yaml.CSafeDumper):
    """Quotes what a reader of YAML 1.2, or of compose's dialect, would take for something else than text."""

    @override
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.CSafeDumper, value: str) -> yaml.ScalarNode:
    if _HALF.search(value):  # of a variable that is no UTF-8
        value = _HALF.sub("\ufffd", value)
    if "\n" in value and value.strip() and not any(line != line.rstrip() for line in value.split("\n")):
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|")
    style = '"' if not isinstance(typed(value), str) or value in {"y", "n", "Y", "N"} else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)
