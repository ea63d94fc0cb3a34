"""Where the tests find the project, and real data that stands beside it."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARED_DATA = Path(os.environ.get("SWIFTKIT_SHARED_DATA") or ROOT.parent / "shared" / "data")
SHARED_CASES = SHARED_DATA.parent / "cases"
# FORMAT.json: rows in and out of each converter
GOLDEN = ROOT / "tests" / "data" / "converters" / "golden"
