"""What differs between payment applets that all follow the specification, as data.

Each parameter is one of the differences found in public scripts and applets (facts on PBOC debit, ``quirks``).
Five more are plain lists of the profile: the order of groupings (with the last one, and keys before or after records),
the internal tags of 0D01 and 0E01, and the prefix of the issuer application data.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from cardfab.profile.base import Strict


class AppletQuirks(Strict):
    """One applet's ways. The defaults are those of the sample cards; none was tried on a chip."""

    fci_form: Literal["a5", "full_6F"] = "a5"
    gpo_q_order: Literal["82,9F10,94", "82,94,9F10"] = "82,9F10,94"
    gpo_positional: bool = False
    """Whether 9104 and 9203 are read by position: 82 with two bytes, then 94."""
    p1_for_kcv: Literal["00", "60"] = "00"
    """60: check values are announced as encrypted though they go in clear."""
    crt_padding: Literal["always80", "none"] = "always80"
    sm_kcv_dgi: Literal["9400", "9003", "none"] = "9400"
    kcv_for_sm4: Literal["SM4", "3DES"] = "SM4"
    """3DES: the check values of SM4 keys are computed by 3DES, as in public scripts."""
    sm2_private_dgi: Literal["8501", "8402"] = "8501"
    """8501 and 8502 filled with 80 00..; 8402 the bare 32 bytes, without the public key."""
    sm_pin_dgi: Literal["none", "8011"] = "none"
    sm_transport: Literal["3DES", "SM4"] = "3DES"
    """The cipher under which SM4 keys travel; no source for SM4."""
    pin_data_form: Literal["raw2", "tlv9F17"] = "raw2"
    qpboc_sources_in_0e01: bool = False
    """Whether the applet builds the qPBOC answer from 57, 5F20 and 9F63 in 0E01."""
    tag_9f69_place: Literal["record", "0E01"] = "0E01"
    chunk: int = Field(default=255, ge=32, le=255)
    """The most data bytes of one STORE DATA."""
    packing: Literal["one", "packed"] = "one"
    """One grouping a command, as seen; or as many as fit, which EMV CPS allows."""
    p2_counter: Literal["strict", "ignored"] = "strict"
    udk_parity: Literal["odd", "none"] = "none"
    pin_change_key: Literal["ENC", "AC"] = "ENC"
    """Which UDK gives D1 of PIN CHANGE: settle it with the card vendor."""
