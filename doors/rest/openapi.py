"""The OpenAPI 3.1 document of the REST API, made of the declarations of its operations."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.json import schema_components

from accounts.model import NOBODY
from accounts.rights import Rights
from bittorrent.refusal import REASONS
from catalogue.fields import (
    LARGEST_ID,
    LONGEST_LINE,
    BooleanField,
    ChoiceField,
    Field,
    FieldTable,
    IntegerField,
    TextField,
    TextListField,
    UrlField,
)
from catalogue.model import BookmarkKind
from doors.rest.envelope import CODES
from doors.rest.field_types import INFOHASH_PATTERN
from doors.rest.operation import Operation

Schema = dict[str, Any]

_JSON = "application/json"
_COMPONENTS = "#/components/schemas/{name}"
_COMMON_REFUSALS = ("internal", "too-many-requests", "invalid")
_CREDENTIAL_REFUSALS = ("bad-token", "key-suspended")
_BODY_REFUSALS = ("bad-request", "too-large", "busy")
_DESCRIPTIONS: Mapping[int, str] = {200: "Done.", 201: "Made.", 204: "Done; there is nothing to tell."}
_HEADERS = {
    "X-RateLimit-Limit": "Requests that the present window takes.",
    "X-RateLimit-Remaining": "Requests that are left of it.",
    "X-RateLimit-Reset": "When it ends, in unix seconds.",
}


def document(
    operations: Sequence[Operation], rights: Rights, *, title: str, version: str, base: str
) -> Schema:
    """Return the document; `base` is the URL to which the paths are relative."""
    schemas: Schema = {"Error": _error_schema(), "Meta": _meta_schema()}
    paths: Schema = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(
            operation, rights, schemas
        )
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": _DESCRIPTION},
        "servers": [{"url": base}],
        "tags": [{"name": tag} for tag in dict.fromkeys(each.tag for each in operations)],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "responses": {code: _error_response(status) for status, code in CODES.items()},
            "headers": {name: _header(about) for name, about in _HEADERS.items()},
            "securitySchemes": _SCHEMES,
        },
    }


_DESCRIPTION = (
    "Every answer that holds JSON is an envelope: `success` and `data`, for a collection `meta` as well, "
    "for a refusal `error` with a stable `code`."
)
_SCHEMES: Schema = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A token of POST /login, or a REST key."},
    "session": {"type": "apiKey", "in": "cookie", "name": "session", "description": "A login of the pages."},
    "csrf": {
        "type": "apiKey",
        "in": "header",
        "name": "X-CSRF-Token",
        "description": "From GET /csrf; changes by a session carry it.",
    },
}


def schema_of(field: Field) -> Schema:
    """Return the JSON Schema of a field."""
    match field:
        case TextField():
            return {"type": "string", "maxLength": field.longest} | ({"minLength": 1} if field.filled else {})
        case UrlField():
            return {"type": "string", "maxLength": field.longest}
        case IntegerField():
            return _whole(field)
        case BooleanField():
            return {"type": "boolean"}
        case ChoiceField():
            return {"type": "integer", "enum": [int(member) for member in field.kind]}
        case TextListField():
            item = {"type": "string", "minLength": 1, "maxLength": field.longest}
            return {"type": "array", "items": item, "maxItems": field.most}
        case _:
            return dict(getattr(field, "schema")())  # noqa: B009 (the protocol is the catalogue's)


def _whole(field: IntegerField) -> Schema:
    number: Schema = {"type": "integer", "minimum": field.low, "maximum": field.high}
    kinds = [number]
    if field.prefix:
        kinds.append({"type": "string", "pattern": f"^{field.prefix}[0-9]{{7,10}}$"})
    if field.nullable:
        kinds.append({"type": "null"})
    return number if len(kinds) == 1 else {"anyOf": kinds}


def path_schema(name: str) -> Schema:
    """Return the JSON Schema of a parameter of a path."""
    match name:
        case "torrent":
            return {"type": "string", "pattern": "^([1-9][0-9]{0,17}|[0-9A-Fa-f]{40})$"}
        case "infohash":
            return {"type": "string", "pattern": INFOHASH_PATTERN}
        case "tag" | "alias":
            return {"type": "string", "minLength": 1, "maxLength": LONGEST_LINE}
        case "kind":
            return {"type": "string", "enum": [kind.value for kind in BookmarkKind]}
        case _:
            return {"type": "integer", "minimum": 1, "maximum": LARGEST_ID}


def statuses(operation: Operation) -> list[int]:
    """Return the statuses of the refusals that an operation may answer."""
    codes = {*_COMMON_REFUSALS, *operation.refusals}
    codes |= set(_CREDENTIAL_REFUSALS) if operation.identified else set()
    codes |= set(_BODY_REFUSALS) if operation.body is not None else set()
    codes |= {"not-found"} if operation.parameters else set()
    return sorted({REASONS[code].status for code in codes})


def _operation(operation: Operation, rights: Rights, schemas: Schema) -> Schema:
    description: Schema = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "security": _security(operation, rights),
        "responses": _responses(operation, schemas),
    }
    if operation.right is not None:
        description["description"] = f"Needs the right `{operation.right.value}`."
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": path_schema(name)}
        for name in operation.parameters
    ]
    parameters += [
        {"name": name, "in": "query", "required": False, "schema": schema_of(field)}
        for name, field in operation.query.items()
    ]
    if parameters:
        description["parameters"] = parameters
    if operation.body is not None:
        description["requestBody"] = _body(operation, operation.body)
    return description


def _security(operation: Operation, rights: Rights) -> list[Schema]:
    if not operation.identified:
        return []
    session: Schema = {"session": []} | ({"csrf": []} if operation.requires_csrf else {})
    schemes: list[Schema] = [{"bearer": []}, session]
    anonymous = operation.right is None or operation.right in rights.of(NOBODY)
    return [{}, *schemes] if anonymous and not operation.account else schemes


def _body(operation: Operation, table: FieldTable) -> Schema:
    properties = {name: schema_of(field) for name, field in table.items()}
    required = list(operation.required)
    if operation.form:
        file = {"type": "string", "contentMediaType": "application/octet-stream", "format": "binary"}
        properties, required = {"file": file, **properties}, ["file", *required]
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = required
    media = "multipart/form-data" if operation.form else _JSON
    return {"required": True, "content": {media: {"schema": schema}}}


def _responses(operation: Operation, schemas: Schema) -> Schema:
    bare = operation.answers is None and operation.media is None
    status = 204 if bare else operation.status
    success: Schema = {"description": _DESCRIPTIONS[status], "headers": _headers()}
    if operation.media is not None:
        success["content"] = {operation.media: {}}
    elif operation.answers is not None:
        success["content"] = {_JSON: {"schema": _success(operation.answers, schemas, many=operation.many)}}
    responses: Schema = {str(status): success}
    if operation.media == "application/x-bittorrent":
        responses["304"] = {"description": "It is the file that If-None-Match names.", "headers": _headers()}
    for refused in statuses(operation):
        responses[str(refused)] = {"$ref": f"#/components/responses/{CODES[refused]}"}
    return responses


def _success(kind: type, schemas: Schema, *, many: bool) -> Schema:
    data = _reference(kind, schemas)
    properties: Schema = {"success": {"const": True}, "data": data}
    if many:
        properties["data"] = {"type": "array", "items": data}
        properties["meta"] = {"$ref": _COMPONENTS.format(name="Meta")}
    return {"type": "object", "required": list(properties), "properties": properties}


def _reference(kind: type, schemas: Schema) -> Schema:
    """Add a dataclass and those in its fields to the schemas; return a reference to it."""
    (reference,), components = schema_components([kind], ref_template=_COMPONENTS)
    schemas.update(components)
    return reference


def _headers() -> Schema:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in _HEADERS}


def _header(about: str) -> Schema:
    return {"description": about, "required": True, "schema": {"type": "integer"}}


def _error_response(status: int) -> Schema:
    sentences = sorted({row.sentence for row in REASONS.values() if row.status == status})
    code = CODES[status]
    return {
        "description": f"{code}: {min(sentences, key=len)}" if sentences else code,
        "headers": _headers(),
        "content": {_JSON: {"schema": {"$ref": _COMPONENTS.format(name="Error")}}},
    }


def _error_schema() -> Schema:
    details = {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}}
    error: Schema = {
        "type": "object",
        "required": ["code", "message"],
        "properties": {
            "code": {"type": "string", "enum": list(CODES.values())},
            "message": {"type": "string"},
            "details": details | {"description": "Sentences by field, where validation failed."},
        },
    }
    properties = {"success": {"const": False}, "error": error}
    return {"type": "object", "required": list(properties), "properties": properties}


def _meta_schema() -> Schema:
    whole = {"type": "integer", "minimum": 0}
    pages = ("current_page", "per_page", "total", "total_pages")
    about_exact = "False where more matched than are counted and ranked."
    about_as_of = "Give it as a parameter for pages that stay as they are."
    return {
        "type": "object",
        "required": list(pages),
        "properties": {
            **dict.fromkeys(pages, whole),
            "exact": {"type": "boolean", "description": about_exact},
            "as_of": whole | {"description": about_as_of},
        },
    }
