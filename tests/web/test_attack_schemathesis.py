"""schemathesis over the interface: every operation, by tokens of each duty and without; seeded."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS as EVERY
from schemathesis.checks import load_all_checks

from cardfab.production import Role
from cardfab.web.app import create_app
from cardfab.web.floor import Floor
from tests.web.callers import token_of

pytestmark = pytest.mark.proof
SECONDS = 100.0
EXAMPLES = 5
CHECKS: list[Any] = []
WANTED = (
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


@pytest.mark.shows("schemathesis over the API (proof)")
def test_no_call_breaks_the_interface_and_every_answer_is_as_described(floor: Floor) -> None:
    load_all_checks()
    CHECKS[:] = [EVERY.get_one(name) for name in WANTED]
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", create_app(floor))
    tokens = {
        "nobody": None, "operator": token_of(floor, "operator"), "supervisor": token_of(floor, "supervisor"),
        "all": token_of(floor, "trainee", Role.OPERATOR, Role.SUPERVISOR),
    }  # fmt: skip
    answered: Counter[tuple[str, str, int]] = Counter()
    until = time.monotonic() + SECONDS
    operations = [one.ok() for one in schema.get_all_operations()]
    assert len(operations) == 19
    for name, token in tokens.items():
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        for operation in operations:
            tried = try_operation(operation, headers, until)
            for status, count in tried.items():
                answered[name, operation.label, status] += count
    assert {(name, one.label) for name in tokens for one in operations} == {found[:2] for found in answered}
    by_status = Counter()
    for (name, _, status), count in answered.items():
        by_status[name == "nobody", status] += count
    assert {status for nobody, status in by_status if nobody} <= {400, 401, 422, 429}
    assert not any(status == 500 for _, _, status in answered)
    assert {200, 403, 404, 409, 422} <= {status for _, status in by_status}
    assert {label for _, label, status in answered if status < 300} >= {"GET /jobs", "GET /requests", "GET /stock"}


def try_operation(operation: Any, headers: dict[str, str], until: float) -> Counter[int]:
    """Calls of one operation made from its description, right and wrong ones; their statuses."""
    seen: Counter[int] = Counter()
    cases = operation.as_strategy(GenerationMode.POSITIVE) | operation.as_strategy(GenerationMode.NEGATIVE)

    @seed(8)
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(cases)
    def calls(case: Any) -> None:
        if time.monotonic() < until:
            response = case.call(headers=headers)
            seen[response.status_code] += 1
            case.validate_response(response, checks=CHECKS)

    calls()
    return seen
