"""The JSON interface of the station, for the bank's own front end: the same acts as the pages, by token.

An application of its own below ``/api/v1``, so that its errors are problems and never pages.
"""

from __future__ import annotations

from fastapi import FastAPI

from cardfab import __version__
from cardfab.web.api import counter, describe, host, jobs, requests, stock, temporary
from cardfab.web.api.bearer import BadTokens
from cardfab.web.api.problems import answer_errors
from cardfab.web.floor import Floor

PATH = "/api/v1"


def create_api(floor: Floor) -> FastAPI:
    """The interface over a floor; to be mounted at :data:`PATH`."""
    api = FastAPI(
        title="cardfab station",
        version=__version__,
        description=describe.ABOUT,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        servers=[{"url": PATH}],
        root_path_in_servers=False,
    )
    api.state.floor = floor
    api.state.bad_tokens = BadTokens()
    for part in (requests, jobs, temporary, counter, stock, host):
        api.include_router(part.router)
    api.include_router(describe.router)
    answer_errors(api)
    return api


__all__ = [
    "PATH",
    "BadTokens",
    "answer_errors",
    "counter",
    "create_api",
    "describe",
    "host",
    "jobs",
    "requests",
    "stock",
    "temporary",
]
