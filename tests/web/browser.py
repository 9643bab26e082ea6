"""A browser without a screen: keeps cookies, finds the form token of the page it is on, sends forms as pages do."""

from __future__ import annotations

import html
import re
import warnings
from dataclasses import dataclass
from typing import Any

from httpx import Response

from cardfab.web.app import create_app
from cardfab.web.floor import Floor

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it would rather have a newer client, which is not among what is locked
    from fastapi.testclient import TestClient


@dataclass(frozen=True)
class Route:
    """An address of the application, with the names of what varies in braces."""

    path: str
    methods: frozenset[str]


class Browser:
    """One person's browser at a station. ``language`` is what it asks for."""

    def __init__(self, floor: Floor, language: str = "en") -> None:
        self.floor = floor
        self.app = create_app(floor)
        headers = {"accept-language": language, "sec-fetch-site": "same-origin", "origin": "http://testserver"}
        self.client = TestClient(self.app, follow_redirects=False, headers=headers, raise_server_exceptions=False)
        self.page = ""

    def sign_in(self, login: str, word: str = "") -> Browser:
        """Come in as this person; fails the test when the station does not let them."""
        self.get("/login")
        answer = self.post("/login", person=login, login=login, word=word)
        assert answer.status_code == 303, answer.text
        return self

    def get(self, path: str, **more: Any) -> Response:
        """A page."""
        return self._keep(self.client.get(path, **more))

    def post(self, path: str, /, *, files: dict[str, Any] | None = None, part: bool = False, **fields: str) -> Response:
        """A form of the page that was got last, with its token; ``part``: as htmx sends it."""
        given = {"form_token": self.token, **fields}
        headers = {"hx-request": "true"} if part else {}
        return self._keep(self.client.post(path, data=given, files=files, headers=headers))

    def follow(self, answer: Response) -> Response:
        """The page that an answer leads to."""
        assert answer.status_code == 303, answer.text
        return self.get(answer.headers["location"])

    @property
    def token(self) -> str:
        """The form token of the page; asks for the home page when there is none yet."""
        found = re.search(r'name="form_token" value="([0-9a-f]{64})"', self.page)
        return found[1] if found else ""

    def routes(self) -> list[Route]:
        """Every route of the application."""
        found: list[Any] = []
        for one in self.app.routes:
            found += one.effective_route_contexts() if hasattr(one, "effective_route_contexts") else [one]
        return [Route(one.path, frozenset(one.methods)) for one in found if getattr(one, "methods", None)]

    def hidden(self, name: str) -> str:
        """The value of a hidden field of the page."""
        found = re.search(rf'name="{re.escape(name)}" value="([^"]*)"', self.page)
        assert found, f"no field {name} on the page"
        return html.unescape(found[1])

    def _keep(self, answer: Response) -> Response:
        if "form_token" in answer.text:
            self.page = answer.text
        return answer
