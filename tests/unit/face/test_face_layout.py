from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardfab.face import FaceRefused, FontBook
from cardfab.face.canvas import MM_PER_POINT
from cardfab.face.layout import SMALLEST, fit, fit_text, grouped, shaped
from cardfab.profile.face import FaceTemplate, TextField

FIELD = TextField(name="name", x=10, y=10, width=34.8, size=10.5, lines=2, sample="王")


def test_a_short_name_keeps_its_size(fonts: FontBook) -> None:
    fitted = fit(fonts, FIELD, "欧阳㛃")
    assert (fitted.lines, fitted.size) == (("欧阳㛃",), 10.5)


def test_a_longer_name_shrinks_on_one_line(fonts: FontBook) -> None:
    fitted = fit(fonts, FIELD, "一二三四五六七八九十")
    assert len(fitted.lines) == 1
    assert SMALLEST * 10.5 <= fitted.size < 10.5
    assert fonts.width(fitted.lines[0]) * fitted.size * MM_PER_POINT == pytest.approx(34.8)


def test_a_long_name_breaks_at_its_dot(fonts: FontBook, template: FaceTemplate) -> None:
    name = template.front.fields[0]
    fitted = fit(fonts, name, "古丽巴哈尔·阿卜力米提艾合麦提江")
    assert fitted.lines == ("古丽巴哈尔·", "阿卜力米提艾合麦提江")
    assert fitted.size >= SMALLEST * name.size


def test_the_longest_name_of_the_card_fits(fonts: FontBook, template: FaceTemplate) -> None:
    # 50 bytes of GB 18030 are at most 25 signs.
    name = "古丽巴哈尔·" + "阿" * 19
    assert len(name.encode("gb18030")) == 50
    assert "".join(fit(fonts, template.front.fields[0], name).lines) == name


def test_too_long_is_refused(fonts: FontBook) -> None:
    with pytest.raises(FaceRefused) as refused:
        fit(fonts, FIELD, "阿" * 40)
    assert refused.value.code == "CF-3402"


def test_one_line_only_is_refused_rather_than_wrapped(fonts: FontBook) -> None:
    with pytest.raises(FaceRefused):
        fit(fonts, FIELD.model_copy(update={"lines": 1}), "古丽巴哈尔·阿卜力米提艾合麦提江")


@given(st.text(alphabet="古丽巴哈尔阿卜· aB", min_size=1, max_size=30))
def test_nothing_is_lost_and_no_line_is_too_wide(fonts: FontBook, text: str) -> None:
    try:
        fitted = fit_text(fonts, text, font="sans", size=10, width=30, lines=3, what="text")
    except FaceRefused:
        return
    assert "".join(fitted.lines) == text
    assert 8 - 1e-9 <= fitted.size <= 10
    assert all(fonts.width(line) * fitted.size * MM_PER_POINT <= 30 + 1e-6 for line in fitted.lines)


def test_figures_in_groups() -> None:
    assert grouped("440199195109028085", (6, 8, 4)) == "440199 19510902 8085"
    assert grouped("6200009900000000017", (4,)) == "6200 0099 0000 0000 017"


@pytest.mark.parametrize("value", ["2026-11-21", "20261121"])
def test_dates_are_written_out(value: str) -> None:
    assert shaped(FIELD.model_copy(update={"form": "date"}), value) == "2026年11月21日"


def test_no_date_is_refused() -> None:
    with pytest.raises(FaceRefused, match="not a date"):
        shaped(FIELD.model_copy(update={"form": "date"}), "tomorrow")
