"""X9.143 (TR-31) key blocks: a key with its attributes, encrypted and bound. B and D both ways, A and C only in."""

from cardfab.keys.keyblock.codes import (
    algorithm_of,
    check_value,
    cmac_check_value,
    code_of,
    header_for,
    mode_code,
    modes_of,
    require_check_values,
    usage_of,
)
from cardfab.keys.keyblock.header import Header, KeyBlockRefused, OptionalBlock
from cardfab.keys.keyblock.wrapping import unwrap, wrap

__all__ = [
    "Header",
    "KeyBlockRefused",
    "OptionalBlock",
    "algorithm_of",
    "check_value",
    "cmac_check_value",
    "code_of",
    "header_for",
    "mode_code",
    "modes_of",
    "require_check_values",
    "unwrap",
    "usage_of",
    "wrap",
]
