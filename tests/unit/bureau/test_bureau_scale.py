"""A batch as large as fits the time of the tests, by the program as a person runs it; larger ones were run by hand."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from tests.tools import tool

scale = tool("bureau_scale")
LIMIT = 400.0
"""Megabytes that all our processes together may take, whatever the size."""


@pytest.mark.proof
@pytest.mark.shows("memory flat, the sum of our processes' PSS under 400 MB (proof)")
def test_memory_does_not_grow_with_the_batch(tmp_path: Path) -> None:
    small, large = (
        scale.measure(rows, tmp_path / str(rows), product="bureau-sm2", processes=2, shard=rows // 2)
        for rows in (1000, 5000)
    )
    for step in ("take_in", "prepare"):
        assert small[step]["memory"] < LIMIT
        assert large[step]["memory"] < LIMIT
        assert large[step]["memory"] - small[step]["memory"] < 40, step  # five times the batch, in whole lots
    assert large["prepare"]["processes"] == 3  # who gives out the shards, and two that do them


@pytest.mark.proof
@pytest.mark.shows("the RSA product with its pool (proof: 300 of the 10,000)")
def test_a_batch_with_its_pool(tmp_path: Path) -> None:
    """10,000 take minutes for their keys alone: that size is run by hand (docs/bureau-scale.md)."""
    one = scale.measure(300, tmp_path / "rsa", product="bureau-rsa", processes=2, shard=100)
    assert one["prepare"]["memory"] < LIMIT


def figure(rows: int, product: str, seconds: float, memory: float) -> dict[str, Any]:
    run = {"seconds": seconds, "processor": seconds, "memory": memory, "processes": 3}
    return {"rows": rows, "product": product, "take_in": run, "prepare": run, "database_bytes": rows * 10_000}


def test_the_graph_is_drawn(tmp_path: Path) -> None:
    figures = [figure(1000, "bureau-sm2", 9.0, 170.0), figure(10_000, "bureau-sm2", 70.0, 190.0)]
    file = tmp_path / "pictures" / "prepare.svg"
    scale.draw([*figures, figure(300, "bureau-rsa", 3.0, 150.0)], file)
    said = " ".join(one.text or "" for one in ET.parse(file).getroot().iter() if one.tag.endswith("text"))  # noqa: S314
    for word in ("Processor time, seconds", "Memory (sum of PSS), MB", "limit: 400 MB", "10,000", "SM2: prepare"):
        assert word in said
