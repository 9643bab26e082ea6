"""Each rule for enlarging a card broken once; the finding names the line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from cardfab.profile.application import FileApplication
from cardfab.profile.lint import lint_files
from cardfab.profile.loader import ProfileRefused, load
from cardfab.resources import ProfileFolders

HEAD = 'extends = "ssc-v2"\nkind = "file-system"\nname = "region"\n'
ITEM = '{ name_zh = "项", name_en = "item", type = "an", length = 4 }'
FILE = 'name_zh = "文件"\nname_en = "file"\nstructure = "variable"\nread = "PIN"\nwrite = "UK1DF01"\n'
CYCLIC = 'name_zh = "文件"\nname_en = "file"\nstructure = "cyclic"\nread = "PIN"\nwrite = "UK1DF01"\nrecords = 4\n'
DIRECTORY = 'name_zh = "区"\nname_en = "area"\naid = "D156000005FF0B"\ninside = "SSSE"\nkeys = {}\nfiles = {}\n'


@dataclass(frozen=True)
class Region:
    """The packaged profiles, and one application of a region over them."""

    packaged: ProfileFolders
    written: str

    def names(self, kind: str) -> Sequence[str]:
        return (*self.packaged.names(kind), *(("region",) if kind == "applications" else ()))

    def text(self, kind: str, name: str) -> str | None:
        return self.written if (kind, name) == ("applications", "region") else self.packaged.text(kind, name)


def _found(packaged: ProfileFolders, text: str) -> list[str]:
    return [str(one) for one in lint_files(Region(packaged, HEAD + text), "region", packaged)]


def _line(number: int) -> str:
    """The line of the text below the head."""
    return f"applications/region.toml:{3 + number}: "


BROKEN = [
    ("items in SSSE", f"[directories.SSSE.files.EF05.items]\nFA = {ITEM}\n", 2, "files of SSSE take no more items"),
    ("low directory", f'[directories.DF08]\n{DIRECTORY}fid = "DF08"\n', 1, "new directories are DF0A and after"),
    ("named otherwise", f'[directories.DF0C]\n{DIRECTORY}fid = "DF0D"\n', 1, "named by their identifier"),
    ("other name", '[directories.DF02]\naid = "D15600000599"\n', 1, "another identifier than the specification"),
    (
        "name in use",
        f'[directories.DF0A]\n{DIRECTORY}fid = "DF0A"\n'.replace("D156000005FF0B", "D15600000500"),
        4,
        "aid D15600000500 is that of DF01 already",
    ),
    (
        "low file",
        f'[directories.DF01.files.EF0B]\nsfi = "0B"\n{FILE}[directories.DF01.files.EF0B.items]\nFA = {ITEM}\n',
        1,
        "new files are EF0C and after",
    ),
    (
        "low file in a new directory",
        f'[directories.DF0A]\n{DIRECTORY}fid = "DF0A"\n'.replace("files = {}\n", "").replace(
            "keys = {}", 'keys = { UK1DF01 = { id = "83", label = "x" } }'
        )
        + f'[directories.DF0A.files.EF05]\nsfi = "05"\n{FILE}[directories.DF0A.files.EF05.items]\nFA = {ITEM}\n',
        8,
        "new files are EF0C and after",
    ),
    (
        "tag of another item",
        f"[directories.DF03.files.EF07.items]\n81 = {ITEM}\n",
        2,
        "tag 81 is that of an item in DF04",
    ),
    (
        "tag of an inner item",
        f"[directories.DF03.files.EF07.items]\n57 = {ITEM}\n",
        2,
        "tag 57 is that of an item in DF01",
    ),
    (
        "tag of appendix B",
        f"[directories.DF03.files.EF07.items]\nA2 = {ITEM}\n",
        2,
        "tag A2 is that of an item in DF05",
    ),
    (
        "tag used twice",
        f"[directories.DF03.files.EF07.items]\nFA = {ITEM}\n[directories.DF01.files.EF06.items]\nFA = {ITEM}\n",
        2,
        "tag FA is used twice",
    ),
    ("item changed", "[directories.DF03.files.EF07.items]\n6E = { length = 5 }\n", 2, "item 6E has another form"),
    ("structure changed", '[directories.DF03.files.EF19]\nstructure = "variable"\n', 1, "another structure or SFI"),
    (
        "fewer records",
        "[directories.DF02.files.EF07]\nrecords = 3\n",
        2,
        "keeps 3 records, the specification asks for 4",
    ),
    (
        "fewer records, and the rule with them",
        "[directories.DF02.files.EF07]\nrecords = 3\nat_least = 1\n",
        2,
        "keeps 3 records, the specification asks for 4",
    ),
    (
        "cyclic field",
        f"[directories.DF02.files.EF07.fields]\nmore = {ITEM}\n",
        1,
        "its records take no other fields",
    ),
    (
        "cyclic length",
        "[directories.DF02.files.EF07.fields]\nemployer = { length = 60 }\n",
        1,
        "records of another length",
    ),
    ("60 in both", "[directories.DF02.files.EF06.items.60]\non_card = true\n", 0, "tag 60 is in both of DF02/EF06"),
    ("60 in neither", "[directories.DF03.files.EF05.items.60]\non_card = false\n", 1, "tag 60 is in neither of"),
    (
        "log too short",
        "[directories.DF04.files.EF08]\nrecords = 30\n",
        2,
        "keeps 30 transactions; log_limit counts to 60",
    ),
    (
        "limit too high",
        "[directories.DF04.purse]\nlog_limit = 61\n",
        0,
        "keeps 60 transactions; log_limit counts to 61",
    ),
    ("no such list", '[directories.DF03.files.EF07.items]\n70 = { codes = "pensions" }\n', 2, "no code list pensions"),
    ("no pattern", "[directories.DF01.files.EF0A.items]\n37 = { pattern = '[A-Z' }\n", 2, "is no regular expression"),
    ("SFI used twice", '[directories.DF07.files.EF07]\nsfi = "06"\n', 2, "sfi 06 is that of EF06 already"),
    (
        "one key for both",
        '[directories.DF07.files.EF07]\nread = "UK3DF07"\n',
        1,
        "opens EF07 for reading and for writing",
    ),
    (
        "record too long",
        f'[directories.DF01.files.EF0C]\nsfi = "0C"\n{FILE}[directories.DF01.files.EF0C.items]\n'
        + f"FA = {ITEM}\n".replace("length = 4", "length = 254"),
        1,
        "its records take 256 bytes; a command carries 255",
    ),
    (
        "short identifier",
        f'[directories.DF01.files.EF1F]\nsfi = "1F"\n{FILE}[directories.DF01.files.EF1F.items]\nFA = {ITEM}\n',
        2,
        "a short file identifier is 01 to 1E",
    ),
]


@pytest.mark.parametrize(("text", "line", "why"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_a_rule_that_is_broken(packaged: ProfileFolders, text: str, line: int, why: str) -> None:
    found = _found(packaged, text)
    where = _line(line) if line else "applications/ssc-v2.toml:"
    assert any(one.startswith(where) and why in one for one in found), found


def test_an_unknown_key_in_a_condition_is_refused_when_it_loads(packaged: ProfileFolders) -> None:
    text = HEAD + '[directories.DF07.files.EF07]\nwrite = "UK9DF07"\n'
    with pytest.raises(ProfileRefused, match="asks for unknown UK9DF07") as refused:
        load(Region(packaged, text), "applications", "region", FileApplication)
    assert refused.value.findings[0].file in ("applications/region.toml", "applications/ssc-v2.toml")


def test_what_the_rules_allow(packaged: ProfileFolders) -> None:
    text = (
        "[directories.DF02.files.EF07]\nrecords = 254\n"
        f"[directories.DF03.files.EF07.items]\nFA = {ITEM}\n"
        f'[directories.DF01.files.EF0C]\nsfi = "0C"\n{CYCLIC}[directories.DF01.files.EF0C.fields]\na = {ITEM}\n'
        "[directories.DF07]\non_card = false\n"
        "[directories.DF02.files.EF06.items.60]\non_card = true\n"
        "[directories.DF03.files.EF05.items.60]\non_card = false\n"
        "[directories.DF03.files.EF06.items]\n"
        '"4A:2" = { on_card = false }\n"4A:3" = { on_card = false }\n'
    )
    assert _found(packaged, text) == []


def test_the_packaged_applications_keep_the_rules(packaged: ProfileFolders) -> None:
    for name in packaged.names("applications"):
        if name.startswith("ssc"):
            assert list(lint_files(packaged, name, packaged)) == []


def test_what_a_profile_extends_with_is_found_in_the_file_that_says_it(packaged: ProfileFolders) -> None:
    """A fault of a file that a region extends is named there."""
    (found,) = _found(packaged, "[directories.DF04.purse]\nlog_limit = 61\n")
    assert found.startswith("applications/ssc-v2.toml:")
    line = int(found.split(":")[1])
    text = (packaged.text("applications", "ssc-v2") or "").splitlines()
    assert text[line - 1] == "records = 60"
