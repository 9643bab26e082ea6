"""Every file of the V2.0 tables on the pre-made card: there, written and read by whom it says, and by nobody else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from cardfab.simulator.chip import layout, make_blank, make_card, premade
from cardfab.simulator.chip.layout import Directory, File, Key

if TYPE_CHECKING:
    from conftest import Host

FACTS: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parents[2] / "vectors" / "ssc-files-v2.json").read_text("utf-8")
)
PIN = "0020000003123456"
SELECT = {
    "DDF1": "00A404000F7378312E73682EC9E7BBE1B1A3D5CF",
    **{one["fid"]: f"00A4040006{one['aid']}" for one in FACTS["adfs"]},
}
Maker = Callable[..., "Host"]


class Row(NamedTuple):
    """A file of the tables with the directory it lies in."""

    directory: str
    file: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.directory}-{self.file['fid']}"


def rows() -> list[Row]:
    groups = [("DDF1", FACTS["ssse"]["efs"]), *((one["fid"], one["efs"]) for one in FACTS["adfs"])]
    return [Row(fid, file) for fid, files in groups for file in files if file["category"] != "预留"]


ROWS = rows()
EVERY = pytest.mark.parametrize("row", ROWS, ids=str)
CARDS = pytest.mark.parametrize("card", [("2.0", "3DES"), ("2.0", "SM4"), ("3.0", "SM4")], ids="-".join)


def place(row: Row, version: str = "2.0") -> tuple[Directory, File]:
    directory = premade.directories(version)[int(row.directory, 16)]
    return directory, next(one for one in directory.files if one.fid == int(row.file["fid"], 16))


def printed(text: str) -> layout.Access:
    return layout.NEVER if text.startswith("NEVER") else layout.condition(text)


@EVERY
def test_a_file_is_as_printed(row: Row) -> None:
    _, file = place(row)
    assert file.sfi == int(row.file["sfi"], 16)
    assert file.read == printed(row.file["read"])
    assert file.write == printed(row.file["write"])
    items = [item for item in row.file["items"] if (str(row), item["tag"]) != ("DF02-EF06", "60")]  # it is in DF03
    if row.file["structure"] in ("variable", "fixed"):
        assert [(item.tag, item.length) for item in file.items] == [(int(i["tag"], 16), i["len"]) for i in items]
    elif row.file["structure"] == "cyclic":
        assert (file.kind, file.length) == ("cyclic", int(row.file["record_len_hex"], 16))
        assert file.length == sum(item["len"] for item in items)
        assert file.space // (file.length + 2) >= row.file["min_records"]
    else:
        assert file.size == int(row.file["size_hex"], 16)


def test_nothing_else_is_on_the_card() -> None:
    tree = premade.directories()
    assert list(tree) == [0x3F00, 0xDDF1, 0xDF01, 0xDF02, 0xDF03, 0xDF04, 0xDF07]
    found = {f"{d.fid:04X}-{f.fid:04X}" for d in tree.values() for f in d.files}
    assert found == {str(row) for row in ROWS} | {"DDF1-EF1E", "DF04-EF1F"}


def test_every_key_of_the_tables_is_there_with_its_printed_id() -> None:
    tree = premade.directories()
    for group, keys in FACTS["keys_on_card_sourced"].items():
        if not isinstance(keys, dict):
            continue
        directory = tree[0xDDF1 if group == "SSSE" else int(group, 16)]
        ids = {key.name: key.kid for key in directory.keys}
        for name, kid in keys.items():
            whole = name if group == "SSSE" or name.endswith(group) else name + group
            assert ids[whole] == int(kid, 16), whole
    for directory in tree.values():
        names = {key.name for key in directory.keys} | {"PIN"} | {key.name for key in tree[0xDDF1].keys}
        for file in directory.files:
            for part in (*file.read, *file.write):
                assert part <= names
        used = [key.kid for key in directory.keys if key.use not in ("master",)]
        assert len(set(used)) == len(used)


def test_groups_of_keys() -> None:
    for directory in premade.directories().values():
        for key in directory.keys:
            many = key.name.startswith(("IRK", "UK", "RK", "DPK"))
            assert key.groups == (3 if many else 1), key.name


# What a file lets whom do


def record(file: File) -> tuple[str, str, str]:
    """(a write of the first record or bytes, what is read then, the read) of a file, in hex."""
    if file.size:
        return f"00D6{0x80 | file.sfi:02X}0003A1A2A3", "A1A2A3", f"00B0{0x80 | file.sfi:02X}0003"
    if file.kind == "cyclic":
        body = "5A" * file.length
        header = f"00DC00{file.sfi << 3 | 3:02X}"
    else:
        body = f"{file.items[0].tag:02X}{file.items[0].length:02X}" + "31" * file.items[0].length
        header = f"00DC01{file.sfi << 3 | 4:02X}"
    size = f"{len(body) // 2:02X}"
    return header + size + body, body, f"00B201{file.sfi << 3 | 4:02X}{size}"


def external(host: Host, row: Row) -> dict[str, Key]:
    """The keys that can be shown in the directory of a row."""
    uses = ("external", "start-day")
    return {key.name: key for key in host.chip._social.tree[int(row.directory, 16)].keys if key.use in uses}


def show(host: Host, key: Key, version: int = 1) -> None:
    assert host.authenticate(key.kid, key.root, version) == "9000"


def forget(host: Host, row: Row) -> None:
    """The state of the keys ends with the selection of another directory, that of the PIN with the power."""
    host.chip.power_on()
    host.ok(SELECT[row.directory])


@CARDS
@EVERY
def test_written_under_its_key_and_by_no_other(make_host: Maker, row: Row, card: tuple[str, str]) -> None:
    host = make_host(version=card[0], algorithm=card[1])
    host.ok(SELECT[row.directory])
    _, file = place(row, card[0])
    write, value, _ = record(file)
    assert host.sw(write) == "6982"
    keys, authority = external(host, row), file.write_key
    for name, key in keys.items():
        forget(host, row)
        host.ok(PIN)
        show(host, key)
        assert host.sw(write) == ("9000" if name == authority else "6982"), name
        written = authority in keys and list(keys).index(name) >= list(keys).index(authority)
        shown = host.chip.inspect()[f"{row.directory}/{row.file['fid']}"].values()
        assert any(part.startswith(value) for part in shown) is written, name


@CARDS
@EVERY
def test_read_back_by_each_who_may_and_by_nobody_else(make_host: Maker, row: Row, card: tuple[str, str]) -> None:
    host = make_host(version=card[0], algorithm=card[1])
    host.ok(SELECT[row.directory])
    _, file = place(row, card[0])
    write, value, read = record(file)
    keys = external(host, row)
    if file.write_key:
        show(host, keys[file.write_key])
        host.ok(write)
    else:
        host.chip._social.granted = frozenset()
        value = "00" * 28
        host.chip.memory.write({f"ef/{row.directory}/{row.file['fid']}/01": bytes(28)})
    free = file.read == layout.FREE
    assert host.sw(read) == ("9000" if free else "6982")  # the update key does not open reading
    for names in ({"PIN"}, *({name} for name in keys), *({"PIN", name} for name in keys)):
        forget(host, row)
        for name in names:
            if name == "PIN":
                host.ok(PIN)
            else:
                show(host, keys[name])
        allowed = any(part <= names for part in file.read)
        assert host.sw(read) == ("9000" if allowed else "6982"), names
        if allowed:
            assert host.ok(read) == value


@CARDS
@EVERY
def test_every_version_of_the_update_key_opens_it(make_host: Maker, row: Row, card: tuple[str, str]) -> None:
    _, file = place(row, card[0])
    if not file.write_key:
        assert file.write == layout.NEVER
        return
    host = make_host(version=card[0], algorithm=card[1])
    for version in (1, 2, 3):
        forget(host, row)
        show(host, external(host, row)[file.write_key], version)
        host.ok(record(file)[0])


@EVERY
def test_every_item_has_its_place_and_length(host: Host, row: Row) -> None:
    host.ok(SELECT[row.directory])
    _, file = place(row)
    if not file.items:
        return
    host.chip._social.granted = frozenset({"PIN", *external(host, row)})
    wrong = 0
    for n, item in enumerate(file.items, 1):
        p2 = f"{file.sfi << 3 | 4:02X}"
        value = f"{n:02X}" * item.length
        body = f"{item.tag:02X}{item.length:02X}{value}"
        host.ok(f"00DC{n:02X}{p2}{len(body) // 2:02X}{body}")
        assert host.ok(f"00B2{n:02X}{p2}{item.length + 2:02X}") == body
        for other, sw in (
            (f"{item.tag:02X}{item.length + 1:02X}{value}00", "6A84"),  # longer than the item
            (f"{item.tag:02X}{item.length:02X}{value}00", "6A85"),  # Lc against the TLV
            (f"{item.tag ^ 0x80:02X}{item.length:02X}{value}", "6A80"),
        ):
            assert host.sw(f"00DC{n:02X}{p2}{len(other) // 2:02X}{other}") == sw
            wrong += 1
    assert host.sw(f"00DC{len(file.items) + 1:02X}{file.sfi << 3 | 4:02X}03{file.items[0].tag:02X}0131") == "6A83"
    stored = host.chip.inspect()[f"{row.directory}/{row.file['fid']}"]
    assert sum(len(value) for value in stored.values()) == sum(2 * item.length + 4 for item in file.items)
    assert wrong == 3 * len(file.items)


def test_the_holder_file_is_free_before_version_3(make_host: Maker) -> None:
    for version, algorithm, free in (("1.0", "3DES", True), ("2.0", "SM4", True), ("3.0", "3DES", False)):
        host = make_host(version=version, algorithm=algorithm)
        host.ok(SELECT["DDF1"])
        assert (host.sw("00B2013400") == "6A83") is free
        assert host.ok("00B2032C06") == "0304" + f"{version}0".encode().hex().upper()


# The directory file, versions, extension


def test_the_directory_file_has_an_entry_for_each_application(make_host: Maker) -> None:
    for version, applications in (("1.0", 4), ("2.0", 5), ("3.0", 5)):
        host = make_host(version=version)
        host.ok(SELECT["DDF1"])
        for n, one in enumerate(FACTS["adfs"][:applications], 1):
            label = one["label"].encode("gbk").hex().upper()
            entry = f"4F06{one['aid']}50{len(label) // 2:02X}{label}"
            assert host.ok(f"00B2{n:02X}F4{len(entry) // 2 + 2:02X}") == f"61{len(entry) // 2:02X}{entry}"
        assert host.sw(f"00B2{applications + 1:02X}F400") == "6A83"
        assert host.sw("00DC01F403610101") == "6982"


def test_a_card_of_the_first_version(make_host: Maker) -> None:
    host = make_host(version="1.0")
    assert host.ok(SELECT["DDF1"]) == "6F16840F7378312E73682EC9E7BBE1B1A3D5CFA50388011E"  # no algorithm named
    assert [item.tag for item in premade.directories("1.0")[layout.SSSE].files[1].items] == [8, 9, 10, 11, 12, 13]
    assert host.sw("00A4040006D15600000504") == "6A82"
    assert host.sw("00B0880001") == "6A82"
    host.ok(SELECT["DF03"])
    assert host.sw("00B201AC00") == "6A82"
    host.chip._social.granted = frozenset({"PIN", "UK1DF03"})
    assert host.sw("00DC022C0361016A") == "6A83"
    host.ok("00DC012C0361016A")
    host.ok("00DC022C0660046A6A6A6A")
    assert host.sw("00DC022C0460046A6A") == "6A85"
    assert host.ok("00B2600006") == "60046A6A6A6A"
    with pytest.raises(ValueError, match="3DES"):
        make_blank(serial=1, version="1.0", algorithm="SM4")


@pytest.mark.parametrize("name", ["training-ssc1", "training-ssc2", "training-ssc2-sm4", "training-ssc3"])
def test_cards_by_name(name: str) -> None:
    chip = make_card(name, 7)
    chip.power_on()
    assert chip.inspect()["DDF1/EF05"]["03"] == "0304" + f"{name[12]}.00".encode().hex().upper()
    assert (chip.algorithm.name == "SM4") is (name in ("training-ssc2-sm4", "training-ssc3"))


def test_tag_60_is_on_a_card_once() -> None:
    for where in ("DF02", "DF03"):
        tree = premade.directories(unemployment=where)
        holders = [d.path for d in tree.values() for f in d.files for i in f.items if i.tag == 0x60]
        assert holders == [where]


EXTENSION = """
DF0A D15600000A00 区域应用
  STK 82 maintenance
  RK1 83 external 3
  UK1 84 external 3
  EF05 variable PIN|RK1DF0A UK1DF0A 01:10 02:04
  EF06 cyclic:06*3 PIN UK1DF0A
  EF07 transparent:20 FREE UK1DF0A
DF02
  EF0C variable FREE UK1DF02 B0:04
  EF07 *9
DF03
  EF06 +B1:02
"""


def test_a_region_extends_the_card(make_host: Maker) -> None:
    host = make_host(extension=EXTENSION)
    host.ok(SELECT["DDF1"])
    label = "区域应用".encode("gbk").hex().upper()
    assert host.ok("00B206F414") == f"61124F06D15600000A005008{label}"
    host.ok("00A4040006D15600000A00")
    assert host.authenticate(0x84, "ss/DF0A/UK1", 2) == "9000"
    host.ok("00DC022C06020431323334")
    host.ok("00D6870002AABB")
    for n in range(5):
        host.ok(f"00DC003306{n:012X}")
    host.ok(PIN)
    assert [host.ok(f"00B2{n:02X}3406")[-2:] for n in (1, 2, 3)] == ["04", "03", "02"]
    assert host.sw("00B2043400") == "6A83"
    host.ok(SELECT["DF02"])
    assert host.authenticate(0x83, "ss/DF02/UK1") == "9000"
    host.ok("00DC016406B00431323334")
    assert host.ok("00B2016406") == "B00431323334"
    tree = premade.directories(extension=EXTENSION)
    assert next(f for f in tree[premade.DF02].files if f.fid == 0xEF07).space == 9 * 0x57
    assert next(f for f in tree[premade.DF03].files if f.fid == 0xEF06).items[-1] == layout.Item(0xB1, 2)


@pytest.mark.parametrize(
    "text", ["  EF05 variable FREE UK1", "DF0A zz", "DF02\n  EF05 variable FREE UK1DF02", "DF02\n  EF31 *2"]
)
def test_an_extension_that_cannot_be_read(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        make_blank(serial=1, extension=text)


# Records


def test_cyclic_records_newest_first(host: Host) -> None:
    host.ok(SELECT["DF04"])
    host.chip._social.granted = frozenset({"PIN", "UK2DF04"})
    assert host.sw("00B201AC00") == "6A83"
    for n in range(1, 11):
        host.ok(f"00DC00AB03{n:04X}31")
    assert host.ok("00B201AC03") == "000A31"
    assert host.ok("00B208AC03") == "000331"
    assert host.sw("00B209AC00") == "6A83"
    assert host.ok("00B201AD18") == "".join(f"{n:04X}31" for n in range(10, 2, -1))
    assert host.ok("00B207AE06") == "000331000431"  # from the last down to record 7
    assert host.sw("00B200A800") == "6C03"  # any record
    assert host.sw("00B231A800") == "6A83"  # they have no tags
    assert host.sw("00DC00AB020001") == "6700"
    assert host.sw("00DC00AB0400013131") == "6700"
    host.ok("00DC02AC03FFFF32")
    assert host.ok("00B202AC03") == "FFFF32"


def test_occurrences_of_one_tag(host: Host) -> None:
    host.ok(SELECT["DF01"])
    host.chip._social.granted = frozenset({"PIN", "UK6DF01"})
    for n in (2, 3, 4):
        host.ok(f"00DC{n:02X}AC364034" + f"{n:02X}" * 52)
    seen = [host.ok(apdu)[4:6] for apdu in ("00B240A836", "00B2400236", "00B2400236", "00B2400336", "00B240A936")]
    assert seen == ["02", "03", "04", "03", "04"]  # first, next, next, the one before, last
    assert host.sw("00B2400200") == "6A83"  # nothing after the last
    assert host.ok("00B2000436")[4:6] == "04"  # the current record
    host.ok("00DC40A8364034" + "AA" * 52)  # the first of the tag is written
    assert host.ok("00B202AC36")[4:6] == "AA"
    assert host.sw("00DC41A803410131") == "6A83"


def test_all_records_come_as_whole_ones(host: Host) -> None:
    host.ok(SELECT["DF02"])
    host.chip._social.granted = frozenset({"PIN", "UK1DF02"})
    lengths = {1: 3, 2: 3, 3: 0x6C, 4: 0x6C, 5: 0x65, 6: 0x65}
    tags = {1: 0x42, 2: 0x41, 3: 0x43, 4: 0x43, 5: 0x44, 6: 0x44}
    for n, length in lengths.items():
        host.ok(f"00DC{n:02X}2C{length + 2:02X}{tags[n]:02X}{length:02X}" + "41" * length)
    assert host.sw("00B2012D00") == f"6C{5 + 5 + 110 + 110:02X}"
    assert host.sw("00B2052D00") == f"6C{103 + 103:02X}"
