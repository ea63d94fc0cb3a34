"""The options of scoring: the column `scoring` of a row holds them as JSON text, an object of

    {"mode": "exact",            or "bfcl": exact and value are then BFCL's own verdict (bfcl/)
     "ordered": false,           true: the calls must come in the order of the gold
     "wire_format": "hermes",    how the model writes calls: in another format none counts;
                                 "any", or absent: in any format (docs/wire-formats.md)
     "weights": {"name": 0.2, "parameter_names": 0.3, "parameter_values": 0.5},
     "bfcl": {"category": "simple_java", "function": [...], "ground_truth": [...]}}

All may be absent, and so may the column. The mode bfcl needs the item of BFCL's files. Weights are
shares, scaled to a sum of 1; one that is not named is 0. `parameter_values` needs a hundredth of
them, or an answer could score 1 without being exact.
"""

from functools import lru_cache
from math import isfinite
from typing import Any, Literal

import msgspec

from swiftkit.errors import DataError
from swiftkit.scoring.bfcl.item import BfclItem
from swiftkit.toolcall import formats
from swiftkit.toolcall.wire_format import ANY_FORMAT

WEIGHTS = {"name": 0.2, "parameter_names": 0.3, "parameter_values": 0.5}
_FIX = "docs/scoring.md lists the options"


class ScoringOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    mode: Literal["exact", "bfcl"] = "exact"
    ordered: bool = False
    wire_format: str = ""
    weights: dict[str, float] = msgspec.field(default_factory=WEIGHTS.copy)
    bfcl: BfclItem | None = None


_decode = msgspec.json.Decoder(ScoringOptions).decode


def options_from(text: str | None) -> ScoringOptions:
    """Read the options of a row; an absent column is "" or None.

    Raises DataError (bad_gold) where the text, an option or its value is unknown, and for the mode
    bfcl without BFCL's item.
    """
    try:
        options = _decode(text) if text else ScoringOptions()
        weights = _scaled(options.weights)
    except (ValueError, TypeError, RecursionError) as error:
        is_text = text is None or isinstance(text, str)
        reason = str(error) if is_text else f"{type(text).__name__}, not JSON text"
        raise DataError(f"scoring: {reason}", "bad_gold", _FIX) from error
    if options.wire_format not in ("", ANY_FORMAT, *formats.names()):
        known = ", ".join([ANY_FORMAT, *formats.names()])
        reason = f"scoring: no wire format {options.wire_format!r} (there is: {known})"
        raise DataError(reason, "bad_gold", _FIX)
    if options.mode == "bfcl" and options.bfcl is None:
        fix = "convert BFCL's own files, or leave the mode out"
        raise DataError("scoring: the mode bfcl without a question of BFCL", "bad_gold", fix)
    return msgspec.structs.replace(options, weights=weights)


def _scaled(weights: dict[str, float]) -> dict[str, float]:
    if unknown := weights.keys() - WEIGHTS.keys():
        raise ValueError(f"no weight {', '.join(sorted(unknown))} (there is: {', '.join(WEIGHTS)})")
    if not all(weight >= 0 and isfinite(weight) for weight in weights.values()):
        raise ValueError("weights are numbers from 0")
    total = sum(weights.values())
    least = total / 100
    if not isfinite(total) or not total or weights.get("parameter_values", 0) < least:
        raise ValueError("parameter_values needs a weight, a hundredth of the sum at least")
    return {name: weights.get(name, 0.0) / total for name in WEIGHTS}


@lru_cache(maxsize=16384)  # the rows of a data set have few different options
def with_wire_format(scoring: str | None, name: str, keep: bool = False) -> str:
    """Return the column with this wire format in it; its own stays where `keep` says so.

    A text that is no object comes back as it is, for options_from to say so.
    """
    if not name:
        return scoring or ""
    try:
        options = msgspec.json.decode(scoring, type=dict[str, Any]) if scoring else {}
    except (ValueError, TypeError, RecursionError):
        return scoring or ""
    if keep and options.get("wire_format"):
        return scoring or ""
    return msgspec.json.encode(options | {"wire_format": name}).decode()
