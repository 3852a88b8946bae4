"""The page docs/http.md: every operation and every record of the service, from its description."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from imgsearch.service.openapi import openapi_document
from imgsearch.service.table import operations

_TITLE = """# Operations and records

Written by `make docs` from the declarations in `imgsearch/library.py` and `imgsearch/operations/`:
do not edit it. [Requests](http-requests.md) says how to reach the service. The commands print the
same records with `--json`, and Python has the same methods: `library.find`, `library.saved.all`.

A field that is null counts as absent in a request, and an unknown field is refused. An answer has
all fields of its record. Times are ISO 8601, and a file name that is not UTF-8 has Python's
`surrogateescape`: `os.fsencode(path)` gives its bytes back.
"""


def operations_page() -> str:
    """The page as Markdown."""
    document: Any = openapi_document(operations())
    return "\n".join([_TITLE, *_operations(document), "## Records\n", *_records(document)])


def _operations(document: Any) -> Iterator[str]:
    schemas = document["components"]["schemas"]
    names = {(each.declared.method, each.declared.path): each for each in operations()}
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            operation = names.get((method.upper(), path))
            yield f"## {method.upper()} {path}\n"
            if operation is not None:
                owner = "" if operation.part is None else f"{operation.part}."
                yield f"`library.{owner}{operation.function.__name__}`\n"
            yield described["summary"] + "\n"
            if "description" in described:
                yield described["description"] + "\n"
            fields = described.get("parameters", [])
            if "requestBody" in described:
                reference = described["requestBody"]["content"]["application/json"]["schema"]
                body = schemas[reference["$ref"].rpartition("/")[2]]
                fields = [
                    {"name": name, "schema": schema, "required": name in body.get("required", ())}
                    for name, schema in body["properties"].items()
                ]
            if fields:
                yield "| field | type | default |\n|---|---|---|"
                for each in fields:
                    schema = each["schema"]
                    default = "required" if each["required"] else _default(schema)
                    yield f"| `{each['name']}` | {_type(schema)}{_about(schema)} | {default} |"
                yield ""
            content = described["responses"]["200"]["content"]
            answer = content.get("application/json", {}).get("schema")
            yield f"Answer: {'a WebP image' if answer is None else _type(answer)}\n"


def _records(document: Any) -> Iterator[str]:
    for name, schema in document["components"]["schemas"].items():
        if name.endswith("Request") and name != "RefusedRequest":
            continue  # shown with its operation
        yield f"### {name}\n"
        if "description" in schema:
            yield schema["description"] + "\n"
        if "enum" in schema:
            yield ", ".join(f"`{value}`" for value in schema["enum"]) + "\n"
        if "properties" in schema:
            yield "| field | type |\n|---|---|"
            for field, described in schema["properties"].items():
                yield f"| `{field}` | {_type(described)}{_about(described)} |"
            yield ""


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(map(_type, schema["anyOf"])))
    if "enum" in schema:
        return ", ".join("null" if value is None else f"`{value}`" for value in schema["enum"])
    kind = schema.get("type", "any value")
    if kind == "array":
        return f"list of {_type(schema['items'])}" if schema.get("items") else "list"
    if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"object with values of {_type(schema['additionalProperties'])}"
    bounds = [
        f"{word} {schema[bound]:,}"
        for bound, word in (("minimum", "from"), ("maximum", "up to"))
        if bound in schema and abs(schema[bound]) < 1 << 62
    ]
    named = "Base64" if schema.get("contentEncoding") == "base64" else kind
    return " ".join([named, *bounds])


def _default(schema: Mapping[str, Any]) -> str:
    default = schema.get("default")
    return (
        "" if default is None else f"`{default}`".replace("True", "true").replace("False", "false")
    )


def _about(schema: Mapping[str, Any]) -> str:
    return f": {schema['description']}" if "description" in schema and "$ref" not in schema else ""
