"""A request at rest: canonical bytes, exact return, nothing of a person in its repr."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardfab.errors import InputRefused
from cardfab.prepare.request import IssuanceRequest

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
COLUMNS_OF_TEXT = (
    *("request_id", "social_security_number", "name", "sex", "ethnicity", "birthplace", "region", "category"),
    *("card_class", "household_type", "household_address", "phone", "employer", "marital_status"),
    *("employment_status", "identity_category", "bank_product", "photo_name"),
)
REQUESTS = st.builds(
    IssuanceRequest,
    **dict.fromkeys(COLUMNS_OF_TEXT, TEXT),
    birth_date=st.dates(),
    photo=st.none() | st.binary(max_size=40),
    replaces_card=st.none() | TEXT,
    urgent=st.booleans(),
)


@given(REQUESTS)
def test_what_is_stored_comes_back(request: IssuanceRequest) -> None:
    stored = request.to_json_bytes()
    assert IssuanceRequest.from_json_bytes(stored) == request


def test_every_shared_request_comes_back(
    vectors: Path, import_file: Callable[..., tuple[IssuanceRequest, ...]]
) -> None:
    requests = import_file((vectors / "requests.csv").read_bytes())
    assert tuple(IssuanceRequest.from_json_bytes(one.to_json_bytes()) for one in requests) == requests


def test_the_bytes_are_canonical(vectors: Path, import_file: Callable[..., tuple[IssuanceRequest, ...]]) -> None:
    stored = import_file((vectors / "requests.csv").read_bytes())[1].to_json_bytes()
    values = json.loads(stored)
    assert list(values) == sorted(values)
    assert values["name"] == "王䶮"
    assert values["birth_date"] == "1950-09-24"
    assert "王䶮".encode() in stored
    assert b'": ' not in stored


def _changed(stored: bytes, **changes: object) -> bytes:
    values = {**json.loads(stored), **changes}
    return json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda stored: b"",
        lambda stored: b"[]",
        lambda stored: stored[:-1],
        lambda stored: stored + b" ",
        lambda stored: _changed(stored, more="x"),
        lambda stored: _changed(stored, urgent="no"),
        lambda stored: _changed(stored, name=None),
        lambda stored: _changed(stored, birth_date="19500924"),
        lambda stored: _changed(stored, birth_date="1950-13-24"),
        lambda stored: _changed(stored, photo="%%%%"),
        lambda stored: stored.replace(b"\xe7\x8e\x8b", b"\xe7\x8e\xff"),
    ],
)
def test_anything_else_is_refused_without_telling_it(
    spoil: Callable[[bytes], bytes], vectors: Path, import_file: Callable[..., tuple[IssuanceRequest, ...]]
) -> None:
    request = import_file((vectors / "requests.csv").read_bytes())[1]
    with pytest.raises(InputRefused) as refused:
        IssuanceRequest.from_json_bytes(spoil(request.to_json_bytes()))
    assert refused.value.code == "CF-3302"
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__
    assert request.social_security_number not in str(refused.value)


def test_repr_shows_nothing_of_the_person(
    vectors: Path, import_file: Callable[..., tuple[IssuanceRequest, ...]]
) -> None:
    for request in import_file((vectors / "requests.csv").read_bytes()):
        hidden = (
            *(request.social_security_number, request.name, request.phone, request.household_address),
            *(request.birth_date.isoformat(), request.photo_name, str(request.birth_date.year) + ","),
        )
        assert not [value for value in hidden if value in repr(request)]
        assert request.request_id in repr(request)
        assert isinstance(request.birth_date, date)
