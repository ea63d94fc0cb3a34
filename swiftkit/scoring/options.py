"""How a gold is to be scored: the options that a row's column `scoring` holds as JSON text, an
object of

    {"mode": "exact",                   or "bfcl": exact and value are then BFCL's own verdict (bfcl.py)
     "ordered": false,                  true: the calls must come in the order of the gold
     "wire_format": "hermes",           how the completion is written; absent: detect.py finds it
     "weights": {"name": 0.2, "parameter_names": 0.3, "parameter_values": 0.5},
     "bfcl": {"category": "simple_java", "function": [...], "ground_truth": [...]}}     the item of BFCL's files

All may be absent, and so may the column. Weights are shares, scaled to a sum of 1; one that is not
named is 0. `parameter_values` needs a hundredth of them, or an answer could score 1 without being
exact.
"""

from collections.abc import Callable
from math import inf, isfinite
from typing import Literal

import msgspec

from swiftkit.scoring.bfcl.item import Item
from swiftkit.toolcall.call import Parsed
from swiftkit.toolcall.formats import detect

WEIGHTS = {"name": 0.2, "parameter_names": 0.3, "parameter_values": 0.5}


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    mode: Literal["exact", "bfcl"] = "exact"
    ordered: bool = False
    wire_format: str = ""
    weights: dict[str, float] = msgspec.field(default_factory=WEIGHTS.copy)
    bfcl: Item | None = None


def options_from(text: str | None) -> Options:
    """Raises ValueError where the text, an option or its value is unknown."""
    options = _decode(text) if text else Options()
    parser(options.wire_format)
    return msgspec.structs.replace(options, weights=_scaled(options.weights))


def parser(wire_format: str) -> Callable[[str], Parsed]:
    """What reads a completion. Raises ValueError for a name that is no wire format."""
    if not wire_format:
        return detect.parse
    if wire_format not in detect.FORMATS:
        raise ValueError(f"no wire format {wire_format!r} (there is: {', '.join(detect.FORMATS)})")
    return detect.FORMATS[wire_format].parse


def _scaled(weights: dict[str, float]) -> dict[str, float]:
    if unknown := weights.keys() - WEIGHTS.keys():
        raise ValueError(f"no weight {', '.join(sorted(unknown))} (there is: {', '.join(WEIGHTS)})")
    if not all(weight >= 0 and isfinite(weight) for weight in weights.values()):
        raise ValueError("weights are numbers from 0")
    total = sum(weights.values())
    if not total < inf or weights.get("parameter_values", 0) < total / 100 or not total:
        raise ValueError("parameter_values needs a weight, a hundredth of the sum at least")
    return {name: weights.get(name, 0.0) / total for name in WEIGHTS}


_decode = msgspec.json.Decoder(Options).decode
