"""What the package carries: profiles and examples, and a station's own profiles before the packaged ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from cardfab import resources
from cardfab.errors import InputRefused
from cardfab.resources import ProfileFolders, data_folder


def test_profiles_and_examples_are_there() -> None:
    assert (data_folder("profiles") / "products" / "debit.toml").is_file()
    assert (data_folder("examples") / "requests.csv").is_file()


def test_what_is_packed_goes_before_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "cardfab")
    assert data_folder("profiles") == tmp_path / "profiles"
    (tmp_path / "cardfab" / "_data" / "profiles").mkdir(parents=True)
    assert data_folder("profiles") == tmp_path / "cardfab" / "_data" / "profiles"


@pytest.fixture
def folders(tmp_path: Path) -> ProfileFolders:
    for place, names in {"own": ("debit", "own"), "packaged": ("debit", "credit")}.items():
        (tmp_path / place / "products").mkdir(parents=True)
        for name in names:
            (tmp_path / place / "products" / f"{name}.toml").write_text(f'from = "{place}" # 中', encoding="utf-8")
    (tmp_path / "own" / "products" / "notes.txt").write_text("no profile", encoding="utf-8")
    return ProfileFolders((tmp_path / "own", tmp_path / "packaged", tmp_path / "missing"))


def test_a_station_goes_before_the_package(folders: ProfileFolders) -> None:
    assert folders.names("products") == ("credit", "debit", "own")
    assert folders.text("products", "debit") == 'from = "own" # 中'
    assert folders.text("products", "credit") == 'from = "packaged" # 中'


def test_a_profile_in_another_encoding_is_refused(folders: ProfileFolders, tmp_path: Path) -> None:
    """A station's own profile, saved as GBK by an editor of another age, is named and refused."""
    (tmp_path / "own" / "products" / "own.toml").write_bytes('title_zh = "社会保障卡"'.encode("gbk"))
    with pytest.raises(InputRefused, match=r"own\.toml") as refused:
        folders.text("products", "own")
    assert refused.value.do is not None


def test_what_is_not_there(folders: ProfileFolders) -> None:
    assert folders.text("products", "notes") is None
    assert folders.text("cards", "debit") is None
    assert folders.names("cards") == ()
