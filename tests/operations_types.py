"""The file ui/components/operations.d.ts: declared operations as types for the page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from imgsearch.service.openapi import openapi_document
from imgsearch.service.table import operations

_TITLE = """\
// The declared operations and their records, as the library answers them.
// Written by `make docs` from the declarations in `imgsearch/operations/`: do not edit it.
"""
_NAME = re.compile(r"[A-Za-z_]\w*")


def operations_types() -> str:
    """Return the file."""
    document: Any = openapi_document(operations())
    return "\n".join([_TITLE, *_operations(document), *_records(document)])


def _operations(document: Any) -> Iterator[str]:
    schemas = document["components"]["schemas"]
    for method in ("get", "post", "delete"):
        yield f"/** What each operation by {method.upper()} is given, and its answer. */"
        yield f"export interface {method.capitalize()}Operations {{"
        for path, methods in document["paths"].items():
            described = methods.get(method)
            if described is None or path in ("/hello", "/openapi.json"):
                continue
            answer = described["responses"]["200"]["content"].get("application/json", {})
            yield (
                f"  {json.dumps(path.lstrip('/'))}: "
                f"{{ request: {_request(described, schemas)}; "
                f"answer: {_type(answer['schema']) if answer else 'Blob'} }};"
            )
        yield "}\n"


def _request(described: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    if "requestBody" in described:
        schema = described["requestBody"]["content"]["application/json"]["schema"]
        return _fields(schemas[schema["$ref"].rpartition("/")[2]])
    parameters = described.get("parameters", [])
    return _fields(
        {
            "properties": {each["name"]: each["schema"] for each in parameters},
            "required": [each["name"] for each in parameters if each["required"]],
        }
    )


def _records(document: Any) -> Iterator[str]:
    for name, schema in document["components"]["schemas"].items():
        if name.endswith("Request"):
            continue  # given in place, with its operation
        yield f"export type {name} = {_type(schema)};\n"


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(map(_type, schema["anyOf"])))
    if "enum" in schema:
        return " | ".join(json.dumps(value, ensure_ascii=False) for value in schema["enum"])
    if "properties" in schema:
        return _fields(schema)
    kind = schema.get("type")
    if kind == "array":
        if "prefixItems" in schema:
            return f"[{', '.join(map(_type, schema['prefixItems']))}]"
        return f"({_type(schema.get('items') or {})})[]"
    if kind == "object":
        values = schema.get("additionalProperties")
        return f"Record<string, {_type(values) if isinstance(values, Mapping) else 'unknown'}>"
    return {"integer": "number", "number": "number", "null": "null"}.get(
        str(kind), "unknown" if kind is None else str(kind)
    )


def _fields(schema: Mapping[str, Any]) -> str:
    required = schema.get("required", ())
    fields = (
        f"{name if _NAME.fullmatch(name) else json.dumps(name)}"
        f"{'' if name in required else '?'}: {_type(described)}"
        for name, described in schema.get("properties", {}).items()
    )
    return f"{{ {'; '.join(fields)} }}".replace("{  }", "{}")
