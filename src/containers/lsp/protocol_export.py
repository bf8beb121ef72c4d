"""The wire protocol as JSON, for whoever generates other languages' types from it.

Run as `python -m containers.lsp.protocol_export`; it writes `{"schema": ..., "constants": ...}`.
"""

import json
import sys
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema
from typing_extensions import override

from containers.lsp import protocol


def export() -> dict[str, Any]:
    """The JSON schema of everything in `protocol.EXPORTED`, and the method names by constant."""
    inputs: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        (model, "validation" if model in protocol.FROM_EDITOR else "serialization")
        for model in protocol.EXPORTED
    ]
    _, schema = models_json_schema(
        inputs, ref_template="#/definitions/{model}", schema_generator=_WholeAnswers
    )
    definitions = {name: _tidied(value) for name, value in schema["$defs"].items()}
    names = [model.__name__ for model in protocol.EXPORTED]
    top = {
        "title": "Protocol",
        "type": "object",
        "additionalProperties": False,
        "properties": {name: {"$ref": f"#/definitions/{name}"} for name in names},
        "required": names,
        "definitions": definitions,
    }
    constants = {
        name: value
        for name, value in vars(protocol).items()
        if name.isupper() and (isinstance(value, str) or name == "COMMANDS")
    }
    return {"schema": top, "constants": constants}


class _WholeAnswers(GenerateJsonSchema):
    """What the server sends has every field, defaults or not."""

    @override
    def field_is_required(self, field: Any, total: bool) -> bool:
        return self.mode == "serialization" or super().field_is_required(field, total)


def _tidied(schema: Any, *, in_properties: bool = False) -> Any:
    """Without what would become types of its own: titles of properties, defaults beside references."""
    if isinstance(schema, list):
        return [_tidied(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema and not in_properties:
        return {"$ref": schema["$ref"]}
    return {
        key: _tidied(value, in_properties=key == "properties")
        for key, value in schema.items()
        if in_properties or key not in {"title", "default"}
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(export(), indent=1))
