"""JSON schema of all settings, for editors that complete and check recipes."""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from wgan_cli.recipe.schema import Recipe


class _Schema(GenerateJsonSchema):
    """Writer of anyOf instead of oneOf: a section without a name gets the default one, and matches several."""

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        return {"anyOf": super().tagged_union_schema(schema)["oneOf"]}


def json_schema() -> dict[str, Any]:
    """Return the schema of a recipe. It can't express which settings fit together; the program checks that."""
    return {"$schema": _Schema.schema_dialect, **Recipe.model_json_schema(schema_generator=_Schema)}
