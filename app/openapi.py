"""The OpenAPI document: what FastAPI derives from the routes, and the records that routes read by hand."""

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app import errors
from app.contract.errors import Forbidden, InvalidRequest, LikenessError, LimitReached, QueueFull, SlowBody
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

BYTES: dict[str, Any] = {"type": "string", "format": "binary"}
"""The schema of a file."""

_SCHEMAS = "#/components/schemas/"
_UNSAID = "Successful Response"
"""What FastAPI says of an answer of which a route says nothing."""


def files(*media_types: str) -> dict[str, Any]:
    """The content of a body, or of an answer, that is a file of one of these types."""
    return {media_type: {"schema": BYTES} for media_type in media_types}


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
        schema = record.model_json_schema(ref_template=f"{_SCHEMAS}{{model}}")
        schemas |= schema.pop("$defs", {}) | {record.__name__: schema}
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for path in found["paths"].values():
        for operation in path.values():
            _correct(operation["responses"], reads="requestBody" in operation, schemas=schemas)
    return found


def _correct(responses: dict[str, Any], *, reads: bool, schemas: dict[str, Any]) -> None:
    """Say of failures what is true here, never FastAPI's own shape, and of a record what it is.

    Scopes and limits stand in front of every route that asks for a key, and patience in front of one that `reads` a
    body.
    """
    if "401" in responses:
        _add(responses, Forbidden, LimitReached, QueueFull)
    if reads:
        _add(responses, SlowBody)
    for status, response in responses.items():
        content = response.get("content", {})
        if errors.MEDIA_TYPE in content:
            content.pop("application/json", None)
        elif status == "422":
            response |= errors.declared(InvalidRequest)[422]
        elif response["description"] == _UNSAID:
            record = content.get("application/json", {}).get("schema", {}).get("$ref", "").removeprefix(_SCHEMAS)
            response["description"] = schemas.get(record, {}).get("description", _UNSAID)


def _add(responses: dict[str, Any], *kinds: type[LikenessError]) -> None:
    for status, response in errors.declared(*kinds).items():
        responses.setdefault(str(status), response)
