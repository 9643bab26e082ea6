"""A clerk without a browser: the same pages and forms over HTTP, no script. Fast, and undismayed by a dead service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
QUIET = {"script", "style", "template"}
PATIENCE = 300.0
"""Seconds until a service that says nothing counts as gone; one that was killed is gone at once."""


@dataclass
class Form:
    """A form as it stands on the page, with what is filled in already."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    options: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """Of lists and radio buttons: values and words."""
    boxes: dict[str, list[str]] = field(default_factory=dict)
    """Boxes that could be ticked."""
    buttons: list[tuple[str, str, str]] = field(default_factory=list)
    """Words, name and value of each button."""
    multipart: bool = False
    text: str = ""


class _Reader(HTMLParser):
    """Forms, links and the words of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self.links: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.heading = ""
        self.refresh: str | None = None
        self._open: list[str] = []
        self._form: Form | None = None
        self._by_id: dict[str, Form] = {}
        self._late: list[tuple[str, str, dict[str, str]]] = []
        self._button: tuple[Form | None, dict[str, str], list[str]] | None = None
        self._link: tuple[str, list[str]] | None = None
        self._select: tuple[Form, str] | None = None
        self._option: tuple[str, bool, list[str]] | None = None
        self._area: tuple[Form, str, list[str]] | None = None

    def _owner(self, given: Mapping[str, str]) -> Form | None:
        return self._by_id.get(given["form"]) if "form" in given else self._form

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag not in VOID:
            self._open.append(tag)
        form = self._owner(given)
        match tag:
            case "form":
                self._form = Form(given.get("action", ""), given.get("method", "get").lower())
                self._form.multipart = given.get("enctype") == "multipart/form-data"
                self.forms.append(self._form)
                if "id" in given:
                    self._by_id[given["id"]] = self._form
            case "input" if form is not None and "name" in given and "disabled" not in given:
                self._input(form, given)
            case "button":
                self._button = (form, given, [])
            case "a" if "href" in given:
                self._link = (given["href"], [])
            case "select" if form is not None and "name" in given:
                self._select = (form, given["name"])
                form.options.setdefault(given["name"], [])
            case "option" if self._select is not None:
                self._option = (given.get("value", ""), "selected" in given, [])
            case "textarea" if form is not None and "name" in given:
                self._area = (form, given["name"], [])
            case "meta" if given.get("http-equiv", "").lower() == "refresh":
                self.refresh = given.get("content", "")

    def _input(self, form: Form, given: dict[str, str]) -> None:
        name, kind, value = given["name"], given.get("type", "text"), given.get("value", "")
        if kind == "radio":
            form.options.setdefault(name, []).append((value, ""))
            if "checked" in given:
                form.fields[name] = value
        elif kind == "checkbox":
            form.boxes.setdefault(name, []).append(value or "on")
            if "checked" in given:
                form.fields[name] = value or "on"
        elif kind == "submit":
            form.buttons.append((value, name, value))
        elif kind != "file":
            form.fields[name] = value

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass
        match tag:
            case "form":
                self._form = None
            case "button" if self._button is not None:
                form, given, words = self._button
                if form is not None and given.get("type", "submit") == "submit":
                    form.buttons.append((_flat(words), given.get("name", ""), given.get("value", "")))
                self._button = None
            case "a" if self._link is not None:
                self.links.append((self._link[0], _flat(self._link[1])))
                self._link = None
            case "option" if self._option is not None and self._select is not None:
                form, name = self._select
                value, selected, words = self._option
                form.options[name].append((value, _flat(words)))
                if selected or name not in form.fields:
                    form.fields[name] = value
                self._option = None
            case "select":
                self._select = None
            case "textarea" if self._area is not None:
                form, name, words = self._area
                form.fields[name] = "".join(words)
                self._area = None

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in QUIET:
            return
        self.words.append(data)
        if self._form is not None:
            self._form.text += data
        for open_ in (self._button, self._link, self._option, self._area):
            if open_ is not None:
                open_[-1].append(data)
        if "h1" in self._open:
            self.heading += data


def _flat(words: list[str]) -> str:
    return " ".join("".join(words).split())


@dataclass
class Screen:
    """A page as it came."""

    status: int
    url: str
    forms: list[Form]
    links: list[tuple[str, str]]
    text: str
    heading: str
    refresh: str | None

    def form(self, action: str) -> Form:
        """The form that goes to an address with these words in it."""
        found = [form for form in self.forms if action in form.action]
        assert found, f"no form to {action} at {self.url}: {[form.action for form in self.forms]}\n{self.text}"
        return found[0]

    def has(self, action: str) -> bool:
        return any(action in form.action for form in self.forms)


class Clerk:
    """One session. Raises httpx.TransportError when the service is gone."""

    def __init__(self, address: str, tongue: str = "zh") -> None:
        languages = {"zh": "zh-CN", "en": "en-GB"}
        self.client = httpx.Client(
            base_url=address, follow_redirects=True, timeout=PATIENCE, headers={"Accept-Language": languages[tongue]}
        )
        self.screen: Screen | None = None

    def open(self, path: str) -> Screen:
        return self._read(self.client.get(path))

    def send(
        self,
        form: Form,
        values: Mapping[str, str | list[str]] | None = None,
        *,
        button: str | None = None,
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
    ) -> Screen:
        """Send a form filled in; ``button`` by its name's value, where a form has more than one."""
        assert self.screen is not None
        data: dict[str, str | list[str]] = {**form.fields, **(values or {})}
        if button is not None:
            _, name, value = next(one for one in form.buttons if button in (one[0], one[2]))
            if name:
                data[name] = value
        url = urljoin(self.screen.url, form.action or self.screen.url)
        if form.method == "get":
            return self._read(self.client.get(url, params=data))
        if form.multipart:
            return self._read(self.client.post(url, data=data, files=files or {"none": ("", b"", "text/plain")}))
        return self._read(self.client.post(url, data=data))

    def _read(self, answer: httpx.Response) -> Screen:
        kind = answer.headers.get("content-type", "")
        if not kind.startswith("text/html"):
            return Screen(answer.status_code, str(answer.url), [], [], kind, "", None)
        reader = _Reader()
        reader.feed(answer.text)
        text = " ".join("".join(reader.words).split())
        self.screen = Screen(
            answer.status_code, str(answer.url), reader.forms, reader.links, text, " ".join(reader.heading.split()),
            reader.refresh,
        )  # fmt: skip
        return self.screen

    def close(self) -> None:
        self.client.close()
