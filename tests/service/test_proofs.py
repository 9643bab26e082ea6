"""Proofs and test faces on Debian's ippeveprinter: what arrives is the face between bands that say it is no card."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.integration.conftest import PLAIN, World, _surroundings, new_world, station, template, world
from tests.service.printservices import ippeveprinter
from tests.service.test_ipp import COPY, pages

__all__ = ["_surroundings", "new_world", "station", "template", "world"]
pytestmark = pytest.mark.service


@pytest.mark.proof
@pytest.mark.shows("the IPP path: ippeveprinter and a private cupsd, with a jam, an empty tray, a cancel (proof)")
def test_the_face_of_a_card_encoded_by_hand_is_printed_as_a_proof(world: World, tmp_path: Path) -> None:
    assert world.cli("issue", PLAIN, "--no-print").exit == 0
    assert world.state(PLAIN) == "DONE"
    folder = tmp_path / "printer"
    folder.mkdir()
    with ippeveprinter(folder, COPY) as port:
        at = f"ipp://127.0.0.1:{port}/ipp/print"
        said = world.cli("face", "print", PLAIN, "--printer", at, "--profile", "ipp-card")
        assert said.exit == 0, said.text
        (proof,) = folder.glob("printed-*.pwg")
        seen = pages(proof, folder)
        said = world.cli("printer", "test", at)
        assert said.exit == 0, said.text
        assert world.cli("printer", "test", at, "--white").exit == 2
        assert world.cli("printer", "status", at, "--json").json()["faults"] == []
    assert len(seen) == 2
    for page in seen:
        face = np.rot90(page)  # as it is held
        height = face.shape[0]
        for band in (face[: height // 12], face[-height // 12 :]):
            dark = (band.max(axis=2) < 60).mean()
            assert 0.5 < dark < 0.98  # white words on black
        assert (face[height // 5 : -height // 5].max(axis=2) < 60).mean() < 0.3
    assert len(list(folder.glob("printed-*.pwg"))) == 2
    acts = [one["action"] for one in world.cli("audit", "show", "--json").json()["items"]]
    assert acts.count("face.proof") == 2
    assert world.books().balanced
