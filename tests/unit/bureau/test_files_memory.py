"""A file of 50 MB takes no more memory than a small one, sealed or plain, in every form that is a stream."""

from __future__ import annotations

import gc
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cardfab.bureau.files import Source, open_source
from cardfab.prepare.finding import WrongRow
from cardfab.prepare.table import COLUMNS
from tests.issuer_files import holders, layout, party, trust

BYTES = 50 << 20
_GROWTH = 6 << 10
"""KiB that a pass may need beyond what it has after its first rows."""


def pss() -> int:
    """KiB of this process, what it shares counted in part."""
    with Path("/proc/self/smaps_rollup").open(encoding="ascii") as said:
        return next(int(line.split()[1]) for line in said if line.startswith("Pss:"))


def people() -> Iterator[dict[str, str]]:
    """Holders with much to say of each, so that a large file is not many seconds."""
    for row in holders(1 << 30):
        yield row | {"employer": "示例纺织有限公司" * 40}


def csv_lines() -> Iterator[str]:
    yield ",".join(COLUMNS)
    for row in people():
        yield ",".join(row.values())


def json_lines() -> Iterator[str]:
    for row in people():
        yield json.dumps(row, ensure_ascii=False)


def xml_lines() -> Iterator[str]:
    yield "<batch><holders>"
    own = [name for name in COLUMNS if name not in ("request_id", "social_security_number", "birth_date", "urgent")]
    for row in people():
        values = "".join(f"<{name}>{row[name]}</{name}>" for name in own)
        yield (
            f'<holder id="{row["request_id"]}"><number>{row["social_security_number"]}</number>'
            f"<born>1985-03-06</born><urgent>true</urgent>{values}</holder>"
        )


def written(file: Path, lines: Callable[[], Iterator[str]], size: int, end: str = "") -> int:
    """The rows of a file of so many bytes at least."""
    rows = 0
    with file.open("w", encoding="utf-8") as out:
        for line in lines():
            out.write(line + "\n")
            rows += 1
            if rows % 1000 == 0 and out.tell() > size:
                break
        out.write(end)
    return rows - (lines is not json_lines)


def passed(one: Source) -> int:
    """The rows of a pass whose memory stayed what it was."""
    rows, first, most = 0, 0, 0
    for each in one.rows():
        assert not isinstance(each, WrongRow)
        rows += 1
        if rows % 2000 == 0:
            most = max(most, pss())
            first = first or most
    gc.collect()
    assert max(most, pss()) - first < _GROWTH
    return rows


@pytest.mark.proof
@pytest.mark.parametrize("stream", [(), ("-stream",)], ids=["der", "ber"])
def test_a_sealed_file(tmp_path: Path, stream: tuple[str, ...]) -> None:
    issuer, bureau = party("issuer"), party("bureau", "rsa")
    rows = written(tmp_path / "clear", csv_lines, BYTES)
    certificate, key = issuer.files(tmp_path, "issuer")
    to, _ = bureau.files(tmp_path, "bureau")
    for command, given, made in (
        (("-sign", "-nodetach", "-md", "sha256", "-signer", certificate, "-inkey", key), "clear", "signed"),
        (("-encrypt", "-aes-256-cbc", "-recip", to), "signed", "sealed"),
    ):
        with (tmp_path / given).open("rb") as content:
            form = ("-binary", "-outform", "DER", *stream, "-out", str(tmp_path / made))
            subprocess.run(("openssl", "cms", *command, *form), stdin=content, check=True)
    one = open_source(
        tmp_path / "sealed", layout("generic-csv"), keys_of_bureau=bureau.recipient(), trust=trust(issuer)
    )
    assert passed(one) == rows == one.counted.rows
    assert one.signer is not None


@pytest.mark.proof
@pytest.mark.parametrize("form", ["jsonl", "xml"])
def test_a_plain_file(tmp_path: Path, form: str) -> None:
    file = tmp_path / "batch"
    if form == "jsonl":
        rows, how = written(file, json_lines, BYTES // 4), layout("generic-jsonl")
    else:
        rows = written(file, xml_lines, BYTES // 4, "</holders></batch>")
        how = layout("example-xml")
        assert how.xml is not None
        how = how.model_copy(update={"xml": how.xml.model_copy(update={"total": ()})})
    assert passed(open_source(file, how)) == rows
