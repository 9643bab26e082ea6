from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from cardfab.face import FontBook, lint_face
from cardfab.profile.face import FaceTemplate


def _changed(template: FaceTemplate, **front: Any) -> FaceTemplate:
    data = template.model_dump()
    data["front"].update(front)
    return FaceTemplate.model_validate(data)


def _with_field(template: FaceTemplate, **change: Any) -> FaceTemplate:
    fields = [field.model_dump() for field in template.front.fields]
    fields[0].update(change)
    return _changed(template, fields=fields)


def test_the_training_face_is_clean(template: FaceTemplate, fonts: FontBook) -> None:
    assert lint_face(template, fonts) == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"x": 60.0, "y": 45.0}, "edge"),
        ({"x": 10.0}, "chip-contacts"),
        ({"y": 8.0, "x": 45.0}, "front.photo"),
        ({"sample": "王\U0010fffd"}, "U+10FFFD"),
        ({"sample": "阿" * 60}, "does not fit"),
    ],
)
def test_a_misplaced_field_is_found(template: FaceTemplate, fonts: FontBook, change: Any, said: str) -> None:
    findings = lint_face(_with_field(template, **change), fonts)
    assert any(said in finding.what.en for finding in findings if finding.where == "front.fields.0")


def test_fixed_words_are_checked(template: FaceTemplate, fonts: FontBook) -> None:
    texts = [{"text": "卡\U0010fffd", "x": 5, "y": 10, "size": 8}, {"text": "社会保障卡", "x": 5, "y": 22, "size": 12}]
    findings = lint_face(_changed(template, texts=texts), fonts)
    found = {(finding.where, word) for finding in findings for word in finding.what.en.split()}
    assert ("front.texts.0", "U+10FFFD.") in found
    assert ("front.texts.1", "chip-contacts") in found


def test_the_specimen_mark_cannot_be_hidden(template: FaceTemplate, fonts: FontBook) -> None:
    away = {"x": 84.0, "y": 60.0, "width": 30.0, "angle": 0.0}
    assert "front.specimen" in {finding.where for finding in lint_face(_changed(template, specimen=away), fonts)}
    with pytest.raises(ValidationError):
        _changed(template, specimen=None)
    with pytest.raises(ValidationError):
        _changed(template, specimen=away | {"width": 2.0})


def test_an_unknown_key_is_refused(template: FaceTemplate) -> None:
    with pytest.raises(ValidationError, match="colour_of_fields"):
        _changed(template, colour_of_fields="#000000")


def test_two_fields_of_one_name_are_refused(template: FaceTemplate) -> None:
    field = template.front.fields[0].model_dump()
    with pytest.raises(ValidationError, match="same name"):
        _changed(template, fields=[field, field])
