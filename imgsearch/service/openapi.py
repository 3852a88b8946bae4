"""The description of the service, OpenAPI 3.1, made from the declared operations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from imgsearch.operations.records import JsonObject
from imgsearch.operations.requests import Operation
from imgsearch.records.answer import Hit, Hits
from imgsearch.service.refusals import RefusedRequest
from imgsearch.version import VERSION

_REFUSALS = {
    "400": "The request is invalid.",
    "401": "The token is missing or wrong.",
    "403": "The request names a file, and did not come over the socket.",
    "408": "The request did not arrive in time.",
    "409": "Another process is writing, and the request needs to write.",
    "413": "The request is too large.",
    "422": "A photo cannot be read.",
    "500": "Something failed that no request can mend, such as a damaged index.",
    "503": "The model cannot be loaded, or there are too many connections.",
}


def openapi_document(operations: Sequence[Operation]) -> JsonObject:
    """Return the description of a service with these operations."""
    requests, bodies = _schemas([each.request for each in operations])
    answers, records = _schemas([RefusedRequest, *map(_answer_of, operations)])
    for each in records.values():
        _make_exact(each)
    paths: dict[str, JsonObject] = {}
    for operation, request, answer in zip(operations, requests, answers[1:], strict=True):
        described = _described(operation, request, bodies, answer)
        path = operation.declared.path
        paths.setdefault(path, {})[operation.declared.method.lower()] = described
    paths["/hello"] = {"get": _plain("hello", "The settings on which answers depend.")}
    paths["/openapi.json"] = {"get": _plain("openapi", "This document.")}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "imgsearch",
            "version": VERSION,
            "summary": "The service of a photo library.",
            "description": "docs/http-requests.md describes how to reach it.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "http://localhost"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": {**bodies, **records},
            "responses": {
                code: {"description": why, "content": _json(answers[0])}
                for code, why in _REFUSALS.items()
            },
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Over the network. The socket needs none.",
                }
            },
        },
    }


def _described(
    operation: Operation, request: JsonObject, bodies: JsonObject, answer: JsonObject
) -> JsonObject:
    summary, _, rest = operation.description.partition("\n\n")
    described: JsonObject = {
        "summary": " ".join(summary.split()),
        "operationId": f"{operation.declared.method.lower()}_{operation.name}",
        "responses": _responses(operation, answer),
    }
    if rest:
        described["description"] = rest
    if operation.declared.method == "GET":
        fields = bodies[request["$ref"].rpartition("/")[2]]
        required = fields.get("required", [])
        parameters = [
            {
                "name": name,
                "in": "path" if f"{{{name}}}" in operation.declared.path else "query",
                "required": name in required,
                "schema": schema,
            }
            for name, schema in fields["properties"].items()
        ]
        if parameters:
            described["parameters"] = parameters
    else:
        described["requestBody"] = {"required": True, "content": _json(request)}
    return described


def _responses(operation: Operation, answer: JsonObject) -> JsonObject:
    timing = {
        "description": "The time that the library took, in milliseconds.",
        "schema": {"type": "string"},
    }
    described = {
        "description": "The answer.",
        "headers": {"Server-Timing": timing},
        "content": {"image/webp": {}} if operation.is_picture else _json(answer),
    }
    refusals = {code: {"$ref": f"#/components/responses/{code}"} for code in _REFUSALS}
    return {"200": described, **refusals}


def _plain(name: str, summary: str) -> JsonObject:
    answer = {"description": "The answer.", "content": _json({"type": "object"})}
    return {"summary": summary, "operationId": f"get_{name}", "responses": {"200": answer}}


def _json(schema: JsonObject) -> JsonObject:
    return {"application/json": {"schema": schema}}


def _schemas(kinds: Sequence[Any]) -> tuple[tuple[JsonObject, ...], JsonObject]:
    """Return the schema of each type, and the schemas that they refer to."""
    return msgspec.json.schema_components(
        kinds, schema_hook=_schema_of, ref_template="#/components/schemas/{name}"
    )


def _answer_of(operation: Operation) -> Any:
    """Return the type of an answer in JSON."""
    return list[Hit] if operation.result is Hits else operation.result


def _make_exact(schema: JsonObject) -> None:
    """Say that an object has all of its fields, and no others: answers leave nothing out."""
    if "properties" in schema:
        schema["required"] = list(schema["properties"])
        schema["additionalProperties"] = False


def _schema_of(kind: type) -> JsonObject:
    if kind is Path:
        return {"type": "string", "format": "path"}
    raise NotImplementedError(kind)
