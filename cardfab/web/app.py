"""The application: every page and the JSON API over one floor."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from cardfab import __version__
from cardfab.errors import CardfabError
from cardfab.web import api, faults
from cardfab.web.floor import Floor
from cardfab.web.guard import Guard
from cardfab.web.logs import RequestLog
from cardfab.web.routes import (
    approvals,
    bureau,
    counter,
    day,
    entrance,
    health,
    issue,
    jobs,
    people,
    photo,
    queue,
    stock,
    temporary,
)
from cardfab.web.words import HERE

PAGES = (entrance, approvals, issue, jobs, photo, counter, temporary, queue, stock, day, bureau, people)


def create_app(floor: Floor) -> FastAPI:
    """The application of one station."""
    app = FastAPI(title="cardfab station", version=__version__, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.floor = floor
    app.add_middleware(Guard, hosts=floor.hosts)
    app.add_middleware(RequestLog, station=floor.base.station)
    app.add_exception_handler(CardfabError, faults.refused)
    app.add_exception_handler(HTTPException, faults.no_page)
    app.add_exception_handler(RequestValidationError, faults.no_page)
    app.add_exception_handler(Exception, faults.broken)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    for pages in PAGES:
        app.include_router(pages.router, include_in_schema=False)
    app.include_router(health.router)
    app.mount(api.PATH, api.create_api(floor), name="api")
    return app
