"""The JSON schemas of `environment.yaml` and `podkeeper.yaml`, for editors.

Run as `python -m containers.compose.schema_export [environment|project]`, with `PODKEEPER_DESCRIBE_MODELS`
set for descriptions.
"""

import json
import sys
from typing import Any

from containers.compose.schema_environment import EnvironmentFile
from containers.compose.schema_hooks import ProjectFile
from containers.compose.schema_parts import Shape


def environment_schema() -> dict[str, Any]:
    """What may stand in an `environment.yaml`; extensions (`x-…`) may stand everywhere."""
    return _schema(EnvironmentFile, "Podkeeper environment")


def project_schema() -> dict[str, Any]:
    """What may stand in a `podkeeper.yaml`, in the same way."""
    return _schema(ProjectFile, "Podkeeper project")


def _schema(shape: type[Shape], title: str) -> dict[str, Any]:
    schema = shape.model_json_schema()
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": title,
        **{key: value for key, value in _tidied(schema).items() if key != "title"},
    }


def _tidied(schema: Any, *, in_properties: bool = False) -> Any:
    """Without titles that repeat names and defaults that only say that a key may be left out."""
    if isinstance(schema, list):
        return [_tidied(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    tidied = {
        key: _tidied(value, in_properties=key in {"properties", "$defs"})
        for key, value in schema.items()
        if in_properties or key not in {"title", "default"}
    }
    if not in_properties and tidied.get("additionalProperties") is False and "properties" in tidied:
        tidied["patternProperties"] = {"^x-": {}}
    return tidied


if __name__ == "__main__":
    make = project_schema if sys.argv[1:] == ["project"] else environment_schema
    sys.stdout.write(json.dumps(make(), indent=2))
