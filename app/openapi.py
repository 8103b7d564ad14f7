"""The OpenAPI document: what FastAPI derives from the routes, and the records that routes read by hand."""

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.contract.schemas.base import Problem
from app.contract.schemas.classify import ClassifyRequest
from app.contract.schemas.oip import InferRequest

ABOUT: dict[str, Any] = {
    "title": "Likeness",
    "version": version("likeness"),
    "summary": "Pictures in, labels out; seeds in, pictures out.",
    "description": "Failures are `application/problem+json` (RFC 9457) with a stable `code`. `X-Request-ID` is echoed "
    "or made. `503` comes with `Retry-After`.",
    "license_info": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    "separate_input_output_schemas": False,
}

EVENT_STREAM: dict[str, Any] = {
    "text/event-stream": {
        "itemSchema": {
            "type": "object",
            "properties": {name: {"type": "string"} for name in ("id", "event", "data")},
            "required": ["data"],
        }
    }
}
"""The content of an answer that is server-sent events: what each of them has, in the words of OpenAPI 3.2."""

_REFERENCE = "#/components/schemas/{model}"


def install(app: FastAPI) -> None:
    """Let `app` tell the whole document at /openapi.json."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        license_info=app.license_info,
        routes=app.routes,
        separate_input_output_schemas=False,
    )
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    for record in (ClassifyRequest, InferRequest, Problem):
        schema = record.model_json_schema(ref_template=_REFERENCE)
        schemas |= schema.pop("$defs", {}) | {record.__name__: schema}
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for path in found["paths"].values():
        for operation in path.values():
            _correct(operation)
    return found


_LIMITED = {
    "description": "`limit_reached`: A limit is reached. `queue_full`: Too many jobs wait.",
    "headers": {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}},
}
_FORBIDDEN = {"description": "`forbidden`: The key is not for this."}
_SLOW = {"description": "`slow_body`: The body came too slowly."}


def _correct(operation: dict[str, Any]) -> None:
    """Say of failures what is true here: problems, never FastAPI's own shape, and never plain JSON."""
    responses = operation["responses"]
    # What stands in front of all routes: scopes and limits wherever a key is asked for, and patience wherever a body is
    # read.
    problem = {"content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    if "401" in responses:
        responses.setdefault("403", {**_FORBIDDEN, **problem})
        responses.setdefault("429", {**_LIMITED, **problem})
    if "requestBody" in operation:
        responses.setdefault("408", {**_SLOW, **problem})
    for status, response in responses.items():
        content = response.get("content", {})
        if "application/problem+json" in content:
            content.pop("application/json", None)
        elif status == "422":
            response["description"] = "`invalid_request`: The request is not valid."
            response["content"] = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
