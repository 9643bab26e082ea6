"""Key ceremonies: state tables, components, the room, the record. Pure; who holds one is in ``station`` and ``cli``."""

from cardfab.keys.ceremony.components import (
    SIZES,
    Combining,
    ComponentRefused,
    parity_rule,
    parse_component,
    print_component,
    random_component,
)
from cardfab.keys.ceremony.machine import (
    Ceremony,
    CeremonyRefused,
    CustodianRefused,
    HeldComponent,
    NotTogether,
    Presence,
    Step,
)
from cardfab.keys.ceremony.record import (
    CeremonyRecord,
    RecordedPackage,
    RecordedPerson,
    RecordedStep,
    RecordRefused,
    SignedRecord,
    sign_record,
)
from cardfab.keys.ceremony.room import NotARoom, Room, require_room
from cardfab.keys.ceremony.states import ENDS, TABLES, Event, Kind, Stage

__all__ = [
    "ENDS",
    "SIZES",
    "TABLES",
    "Ceremony",
    "CeremonyRecord",
    "CeremonyRefused",
    "Combining",
    "ComponentRefused",
    "CustodianRefused",
    "Event",
    "HeldComponent",
    "Kind",
    "NotARoom",
    "NotTogether",
    "Presence",
    "RecordRefused",
    "RecordedPackage",
    "RecordedPerson",
    "RecordedStep",
    "Room",
    "SignedRecord",
    "Stage",
    "Step",
    "parity_rule",
    "parse_component",
    "print_component",
    "random_component",
    "require_room",
    "sign_record",
]
