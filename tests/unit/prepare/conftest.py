"""What the tests of the prepare room share: the training code tables, the shared request files, one import call."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Literal

import pytest

from cardfab.errors import Text
from cardfab.prepare.importer import RequestFileRefused, read_requests
from cardfab.prepare.request import IssuanceRequest
from cardfab.profile.application import FileApplication
from cardfab.profile.codes import CodeTables
from cardfab.profile.loader import load
from cardfab.resources import ProfileFolders, data_folder

ROOT = Path(__file__).parents[3]
JPEG = b"\xff\xd8 a portrait \xff\xd9"


@pytest.fixture(scope="session")
def vectors() -> Path:
    return ROOT / "tests" / "vectors"


@pytest.fixture(scope="session")
def examples() -> Path:
    return ROOT / "examples"


@pytest.fixture(scope="session")
def profiles() -> ProfileFolders:
    return ProfileFolders((data_folder("profiles"),))


@pytest.fixture(scope="session")
def codes(profiles: ProfileFolders) -> CodeTables:
    return load(profiles, "codes", "training", CodeTables)


@pytest.fixture(scope="session")
def application(profiles: ProfileFolders) -> FileApplication:
    return load(profiles, "applications", "ssc-v2", FileApplication)


@pytest.fixture(scope="session")
def import_file(codes: CodeTables) -> Callable[..., tuple[IssuanceRequest, ...]]:
    """``read_requests`` on the training tables, every photo there and good unless said otherwise."""

    def run(data: bytes, form: Literal["csv", "jsonl"] = "csv", **changes: Any) -> tuple[IssuanceRequest, ...]:
        given: dict[str, Any] = {
            "photos": lambda name: JPEG,
            "judge_photo": _good,
            "codes": codes,
            "today": date(2026, 11, 21),
        }
        return read_requests(data, form=form, **{**given, **changes})

    return run


def _good(photo: bytes) -> Sequence[Text]:
    return ()


@pytest.fixture(scope="session")
def good_rows(vectors: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((vectors / "requests.csv").read_text(encoding="utf-8"))))


@pytest.fixture(scope="session")
def as_csv() -> Callable[[Sequence[Mapping[str, str]]], bytes]:
    def write(rows: Sequence[Mapping[str, str]]) -> bytes:
        out = io.StringIO(newline="")
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        return out.getvalue().encode()

    return write


@pytest.fixture(scope="session")
def as_jsonl() -> Callable[[Sequence[Mapping[str, object]]], bytes]:
    def write(rows: Sequence[Mapping[str, object]]) -> bytes:
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()

    return write


@pytest.fixture(scope="session")
def findings(import_file: Callable[..., tuple[IssuanceRequest, ...]]) -> Callable[..., list[tuple[int, str, str]]]:
    """Row, field and English reason of everything found in a file; empty when it imports."""

    def run(data: bytes, form: str = "csv", **changes: Any) -> list[tuple[int, str, str]]:
        try:
            import_file(data, form, **changes)
        except RequestFileRefused as refused:
            rows = refused.rows
        else:
            return []
        assert all(finding.reason.zh for finding in rows)
        return [(finding.row, finding.field, finding.reason.en) for finding in rows]

    return run
