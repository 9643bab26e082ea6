"""The description of the interface: OpenAPI 3.1 as JSON, and a plain listing that needs no script."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import HTMLResponse, JSONResponse, Response

from cardfab.documents.counter import Language
from cardfab.web.api.problems import Problem
from cardfab.web.words import pages

router = APIRouter(include_in_schema=False)

ABOUT = """The acts of an outlet's card station, for the bank's own front end.

Each call carries a token, `Authorization: Bearer cft_...`, that acts in the name of its person and has that person's
duties or some of them. Who made a thing never approves it. Every POST carries an `Idempotency-Key`: the same key is the
same call. Errors are problem details (RFC 9457) with a code and what to do, in both languages. No PIN and no password
of a second person passes through this interface: what needs one is done at the page."""


def document(api: FastAPI) -> dict[str, Any]:
    """The description; made once."""
    if api.openapi_schema is None:
        made = get_openapi(
            title=api.title, version=api.version, description=ABOUT, routes=api.routes, servers=api.servers,
            openapi_version="3.1.0", separate_input_output_schemas=True,
        )  # fmt: skip
        schemas = made["components"]["schemas"]
        for name, schema in Problem.model_json_schema(ref_template="#/components/schemas/{model}").pop("$defs").items():
            schemas.setdefault(name, schema)
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        problem.pop("$defs", None)
        schemas["Problem"] = problem
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        api.openapi_schema = made
    return api.openapi_schema


@router.get("/openapi.json")
def openapi(request: Request) -> Response:
    """The description."""
    return JSONResponse(document(request.app))


@router.get("/")
def listing(request: Request) -> Response:
    """Every call on one page, for people."""
    described = document(request.app)
    calls = [
        {
            "method": method.upper(),
            "path": path,
            "about": call.get("description", ""),
            "statuses": sorted(call["responses"]),
        }
        for path, methods in described["paths"].items()
        for method, call in methods.items()
    ]
    language: Language = request.app.state.floor.language
    return HTMLResponse(
        pages(language)
        .get_template("api/listing.html")
        .render(about=described["info"]["description"], calls=calls, version=described["info"]["version"])
    )
