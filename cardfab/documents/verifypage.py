"""The page by which a hospital checks a temporary card on a phone: one HTML file, no server, no network.

Its script reads the format by itself (``verify/page.js``); this module only puts parts and public keys together.
The content security policy allows exactly the scripts and the style that are in the file, and no connection.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date

from cardfab.errors import Text

from .claim import TrustedKey


def verify_page(keys: Sequence[TrustedKey], regions: Mapping[str, Text], made: date, part: Callable[[str], str]) -> str:
    """The HTML file. ``keys`` are believed; ``regions`` are words for the codes; ``made`` is written at its foot.

    ``part`` gives the text of a file of this room by name.
    """
    trust = {
        "made": made.isoformat(),
        "keys": [
            {
                "id": key.key_id.hex(),
                "station": key.station,
                "training": key.training,
                "public": base64.b64encode(key.public).decode("ascii"),
            }
            for key in keys
        ],
        "regions": {code: [words.zh, words.en] for code, words in regions.items()},
    }
    # A name may hold anything but the end of the script.
    said = json.dumps(trust, ensure_ascii=False).replace("<", "\\u003c")
    scripts = {
        "reader": part("vendor/jsqr/jsQR.js"),
        "trust": f'"use strict";\nconst TRUST = {said};\n',
        "words": part("verify/words.js"),
        "script": part("verify/page.js"),
    }
    style = part("verify/page.css")
    policy = "; ".join((
        "default-src 'none'",
        f"script-src {' '.join(_hash(each) for each in scripts.values())}",
        f"style-src {_hash(style)}",
        "img-src blob:",
        "base-uri 'none'",
        "form-action 'none'",
    ))  # fmt: skip
    parts = {"policy": policy, "style": style, **scripts}
    return re.sub(r"\{\{([a-z]+)\}\}", lambda found: parts[found[1]], part("verify/page.html"))


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"
