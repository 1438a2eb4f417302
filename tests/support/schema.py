# SPDX-License-Identifier: MIT
"""As much of JSON Schema as the descriptions in proto/ use; any other word of it is an error."""
import re

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
NOTES = {"description", "example", "examples", "default", "summary"}


class Description:
    """An OpenAPI or AsyncAPI document."""

    def __init__(self, document):
        self.document = document

    def resolve(self, node):
        """The node that a `$ref` names, or the node itself."""
        while isinstance(node, dict) and "$ref" in node:
            target = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node

    def problems(self, schema, value, where="value"):
        """What of the value is not as the schema says, as a list of sentences."""
        schema = self.resolve(schema)
        found = []
        for word, wanted in schema.items():
            if word not in NOTES:
                check = getattr(self, f"_check_{word.replace('$', '')}", None)
                assert check, f"{where}: this test does not know `{word}`"
                found += check(schema, wanted, value, where)
        return found

    @staticmethod
    def _is(kind, value):
        if kind in ("integer", "number"):
            numbers = int if kind == "integer" else (int, float)
            return isinstance(value, numbers) and not isinstance(value, bool)
        return isinstance(value, TYPES[kind])

    def _check_type(self, _, wanted, value, where):
        kinds = wanted if isinstance(wanted, list) else [wanted]
        return [] if any(self._is(kind, value) for kind in kinds) else [f"{where}: no {wanted}"]

    def _check_const(self, _, wanted, value, where):
        return [] if value == wanted else [f"{where}: {value!r} is not {wanted!r}"]

    def _check_enum(self, _, wanted, value, where):
        return [] if value in wanted else [f"{where}: {value!r} is none of {wanted}"]

    def _check_required(self, _, wanted, value, where):
        return [f"{where}: no {name}" for name in wanted if name not in value]

    def _check_properties(self, _, wanted, value, where):
        return [problem for name, schema in wanted.items()
                if isinstance(value, dict) and name in value
                for problem in self.problems(schema, value[name], f"{where}.{name}")]

    def _check_additionalProperties(self, schema, wanted, value, where):  # noqa: N802
        assert wanted is False
        return [f"{where}: {name} is not described" for name in value
                if name not in schema["properties"]]

    def _check_items(self, _, wanted, value, where):
        return [problem for n, one in enumerate(value)
                for problem in self.problems(wanted, one, f"{where}[{n}]")]

    def _check_pattern(self, _, wanted, value, where):
        return [] if re.search(wanted, value) else [f"{where}: {value!r} is not {wanted}"]

    def _check_minimum(self, _, wanted, value, where):
        return [] if value >= wanted else [f"{where}: {value} is below {wanted}"]

    def _check_minLength(self, _, wanted, value, where):  # noqa: N802
        return [] if len(value) >= wanted else [f"{where}: too short"]

    def _check_maxLength(self, _, wanted, value, where):  # noqa: N802
        return [] if len(value) <= wanted else [f"{where}: too long"]

    def _check_oneOf(self, _, wanted, value, where):  # noqa: N802
        fitting = [schema for schema in wanted if not self.problems(schema, value, where)]
        return [] if len(fitting) == 1 else [f"{where}: fits {len(fitting)} of {len(wanted)}"]

    def _check_not(self, _, wanted, value, where):
        return [] if self.problems(wanted, value, where) else [f"{where}: {value!r} is not allowed"]
