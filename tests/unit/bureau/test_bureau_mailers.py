"""A printer of PIN mailers that fails: which page may be out, and how to go on, is said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cardfab.bureau.books import mailers
from cardfab.cli.pin import MailerFault, mailer_printer
from cardfab.errors import DeviceFault, Text
from cardfab.station.desk import Desk
from tests.bureau_books import Bureau, bureau, empty


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Bureau]:
    with bureau(tmp_path, empty(tmp_path)) as one:
        one.take_in(2, box=2)
        one.bring()
        one.make(1)
        one.make(2)
        one.end_run()
        yield one


def test_a_page_that_was_cut_off_is_named(place: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    second = place.job(2).id

    def broken(desk: Desk, name: str, send: object) -> str:
        if name == str(second):
            raise MailerFault(Text("The printer is gone.", "打印机没有响应。"), do=Text("Print --again.", "重新打印。"))
        return f"{name}/1"

    monkeypatch.setattr(mailers, "print_mailer", broken)
    with pytest.raises(DeviceFault) as refused:
        mailers.print_mailers(place.desks["li"], place.name, lambda page: None)
    assert (refused.value.code, refused.value.what.zh) == (MailerFault.default_code, "打印机没有响应。")
    assert refused.value.do is not None
    assert f"'cardfab pin mailer {second} --again'" in refused.value.do.en
    assert f"'cardfab bureau mailers {place.batch_id}'" in refused.value.do.en
    assert [event.details["count"] for event in place.events("bureau.mailers")] == ["1"]


def test_where_no_page_went_out_nothing_is_to_be_destroyed() -> None:
    with pytest.raises(MailerFault) as refused, mailer_printer("socket://127.0.0.1:1"):
        pass
    assert refused.value.do is not None
    assert refused.value.do.en.startswith("Nothing was printed.")
