"""A value that is good for any item of the social security card; tests of several rooms write whole cards."""

from __future__ import annotations

from cardfab.prepare.items import Place
from cardfab.profile.codes import CodeTables

GOOD = {
    "text": "样",
    "name": "样",
    "number": "7",
    "amount": "12345",
    "date": "20240229",
    "date-time": "20240229235959",
    "year-month": "202402",
    "year": "2024",
    "month-day": "0229",
    "region": "440199",
    "organisation": "D2143569X",
    "citizen-number": "650199199803231208",
    "card-number": "D2143569X",
    "phone": "0991-1234567",
    "version": "2.01",
}
WHOLE = {
    "01": "440199D156000005000000010A0B0C0D",
    "04": "915600000211000011010002",
    "37": "DEU",
    "5A": "2-02-10",
    "3A": "2-02-10",
    "4B": "20021",
    "4F": "200020",
    "81": "39111001",
    "occupation": "2-02-10",
    "terminal": "440199000001",
}


def good_value(place: Place, codes: CodeTables) -> str:
    """A value that the item of the place takes."""
    one = place.valued
    if one is None:
        return "FFD8"
    if one.key.split(":")[0] in WHOLE:
        return WHOLE[one.key.split(":")[0]]
    if one.codes:
        return list(codes.list_of(one.codes))[-1]
    if one.rule == "digits":
        return "1" * one.length * (2 if one.type == "cn" else 1)
    return GOOD[one.rule]
