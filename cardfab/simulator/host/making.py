"""How the training host makes a card: marking, batch, card number, data, keys, certificates, the failed ones."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping

from cardfab.simulator.host.books import Books, Record

_WORDS = b"training host, not secret: "


class No(Exception):
    """A refusal with its code."""


def _application(books: Books, fields: Record) -> Record:
    application = books.applications.get(str(fields["number"]))
    if application is None:
        raise No("not_found")
    if fields.get("name") and books.people.get(str(fields["number"]), {}).get("name") != fields["name"]:
        raise No("name_mismatch")
    return application


def mark(books: Books, fields: Record) -> Record:
    """The person is to be made at once."""
    application = _application(books, fields)
    again = bool(application.get("marked"))
    application["marked"] = True
    return {"already": again, "begun": bool(application.get("batch"))}


def count(books: Books, fields: Record) -> Record:
    """How many are marked of those asked for."""
    application = books.applications.get(str(fields["number"]), {})
    return {"persons": int(bool(application.get("marked")))}


def persons(books: Books, fields: Record) -> Record:
    """Who is marked."""
    application = books.applications.get(str(fields["number"]), {})
    return {"name": str(application.get("name", "")), "persons": int(bool(application.get("marked")))}


def batch_number(books: Books, _fields: Record) -> Record:
    """A number that is given once and to nobody else."""
    number = f"P{len(books.batches) + 1:09d}"
    books.batches[number] = {"holder": ""}
    return {"batch": number}


def batch(books: Books, fields: Record) -> Record:
    """The point of no return: the card number is given and the batch locked."""
    application, number = _application(books, fields), str(fields["batch"])
    if not application.get("marked"):
        raise No("not_found")
    if application.get("batch"):
        raise No("has_batch")
    found = books.batches.get(number)
    if found is None or found["holder"]:
        raise No("batch_used")
    if time.time() < books.locked_until:
        raise No("batch_locked")
    found["holder"] = str(fields["number"])
    books.serial += 1
    given = str(fields.get("card_number") or f"S{books.serial:08d}")
    application |= {"batch": number, "card_number": given}
    return {"card_number": given, "batch": number, "name": application["name"]}


def find_batch(books: Books, fields: Record) -> Record:
    """What batch a person is in, and with which number."""
    application = books.applications.get(str(fields["number"]), {})
    return {"card_number": str(application.get("card_number", "")), "batch": str(application.get("batch", ""))}


def data(books: Books, fields: Record) -> Record:
    """The whole record for the card; may be asked again and again."""
    application = _application(books, fields)
    if application.get("batch") != fields.get("batch"):
        raise No("not_found")
    year = time.gmtime().tm_year
    return {
        **application, "number": str(fields["number"]), "issued_on": f"{year}0101", "expires_on": f"{year + 10}0101",
        "household_address": application.get("household_address", "样区某街1号，附2室 <东>"),
    }  # fmt: skip


def reserve(books: Books, fields: Record) -> Record:
    """All of it at once, as hosts without batches do it; what was begun is answered as it is."""
    application = _application(books, fields)
    if not application.get("batch"):
        mark(books, fields)
        number = batch_number(books, fields)["batch"]
        batch(books, {**fields, "batch": number})
    return dict(application)


def failed(books: Books, fields: Record) -> Record:
    """A blank was spoiled: the number stays with the person."""
    blanks = books.person(str(fields["number"]), str(fields["name"])).setdefault("failed", [])
    if fields.get("blank") in blanks:
        raise No("already")
    blanks.append(str(fields.get("blank", "")))
    return {"state": "failed"}


def chip_auth(fields: Record) -> Record:
    """A value that depends on everything that was asked, for training only."""
    if fields.get("kind") not in ("read", "write", "pin"):
        raise No("field_bad")
    if str(fields.get("region", ""))[:2] == "99":
        raise No("key_missing")
    asked = "|".join(f"{name}={fields[name]}" for name in sorted(fields))
    value = hashlib.sha256(_WORDS + asked.encode()).hexdigest()[:16].upper()
    original = str(fields.get("external_original") or fields.get("original") or fields.get("factor") or "")
    return {"value": value + original}


def certificate(books: Books, fields: Record) -> Record:
    """Certificates for a chip's key; the same key has the same answer, another key of the same chip is refused."""
    chip, key = str(fields.get("chip_id") or fields["card_number"]), str(fields["public_key"])
    if len(key) not in (128, 130):
        raise No("field_bad")
    known = books.certificates.get(chip)
    if known is not None and known["public_key"] != key:
        raise No("cert_refused")
    if known is None:
        made = {part: hashlib.sha256(_WORDS + f"{part} {chip} {key}".encode()).hexdigest() for part in _PARTS}
        books.certificates[chip] = known = {"public_key": key, **made}
    return {part: known[part] for part in _PARTS}


_PARTS = ("signing_certificate", "encryption_certificate", "envelope", "master_key", "manager_pin")

STEPS: Mapping[str, Callable[[Books, Record], Record]] = {
    "mark": mark,
    "count": count,
    "persons": persons,
    "batch_number": batch_number,
    "batch": batch,
    "find_batch": find_batch,
    "data": data,
}
"""The single messages of a reservation, where a host wants them one by one."""
