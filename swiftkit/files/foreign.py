"""Recognize files that hold no rows of JSON by their first bytes, and say how to make them so.

One table has formats with bytes of their own (SQLite, Excel, pickles), another function text of
another kind (TSV, CSV, YAML, Python's text of dicts) under a name that says JSON.
"""

import re
from pathlib import Path

from swiftkit.errors import DataError
from swiftkit.files.encodings import not_utf8, wide_encoding

_PANDAS = (
    'python -c "import pandas; pandas.{read}.to_json('
    "'rows.jsonl', orient='records', lines=True, force_ascii=False)\""
)
_PRINT = (
    'python -c "import json, {imports}; [print(json.dumps({row})) for row in {rows}]" > rows.jsonl'
)
_SQLITE = _PRINT.format(
    imports="sqlite3",
    row="dict(zip(('COLUMN', 'COLUMN'), row))",
    rows="sqlite3.connect('{file}').execute('select COLUMN, COLUMN from TABLE')",
)
_PICKLE = (
    "loading it runs code that may be in it; only if you trust whoever made it: "
    + _PRINT.format(imports="pickle", row="row", rows="pickle.load(open('{file}', 'rb'))")
)
_YAML = _PRINT.format(imports="yaml", row="row", rows="yaml.safe_load(open('{file}', 'rb'))")
_LITERALS = _PRINT.format(
    imports="ast", row="ast.literal_eval(row.strip())", rows="open('{file}', encoding='utf-8')"
)
_EVENTS = "keep whole answers (stream: false), or the data alone: sed -n 's/^data: *//p' {file}"
_EVENT_FIELDS = ("data:", "event:", "id:", "retry:", ":")
_FEATHER = _PANDAS.format(read="read_feather('{file}')")
_HDF = _PANDAS.format(read="read_hdf('{file}')")
_EXCEL = "save the sheet as CSV (UTF-8), or with pandas and openpyxl: " + _PANDAS.format(
    read="read_excel('{file}')"
)
_NUMPY = "numbers are no rows, and objects are a pickle: give the data that it was made of"
_NO_DATA = "give the data, as JSON Lines"
_UNPACK = "unpack it, and give the files in it"
_AGAIN = "download it again, and look at its first lines"
# (place, bytes there, what the file is, what to do)
_SIGNATURES = (
    (0, b"PAR1", "Parquet", "give the file the ending .parquet"),
    (0, b"ARROW1\0\0", "an Arrow file", "give the file the ending .arrow"),
    (0, b"FEA1\0\0\0\0", "a Feather file of the first version", _FEATHER),
    (0, b"Obj\x01", "an Avro file", "save it as JSON Lines, as avro-tools tojson does"),
    (0, b"SQLite format 3\0", "an SQLite database", _SQLITE),
    (0, b"\x89HDF", "an HDF5 file", _HDF),
    (0, b"\x93NUMPY", "an array of NumPy (.npy)", _NUMPY),
    (0, b"\xd0\xcf\x11\xe0", "an old Excel sheet (.xls)", "save the sheet as CSV (UTF-8)"),
    (0, b"BZh", "compressed with bzip2", "unpack it: bunzip2 -k {file}"),
    (0, b"\xfd7zXZ", "compressed with xz", "unpack it: unxz -k {file}"),
    (0, b"\x04\x22\x4d\x18", "compressed with lz4", "unpack it: unlz4 {file}"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (0, b"Rar!", "a RAR archive", _UNPACK),
    (257, b"ustar", "a tar archive", _UNPACK),
    (0, b"GGUF", "a model's weights (GGUF)", _NO_DATA),
    (0, b"%PDF", "a PDF", _NO_DATA),
    (0, b"\x89PNG", "an image (PNG)", _NO_DATA),
    (0, b"\xff\xd8\xff", "an image (JPEG)", _NO_DATA),
    (0, b"version https://git-lfs", "a Git LFS pointer, not the file", "git lfs pull gets it"),
    (0, b"/annex/objects/", "a git-annex pointer, not the file", "git annex get {file}"),
)
_FIRST_LINES = 20
_NAME = re.compile(r"[\w .\-]{1,60}")
_YAML_LINE = re.compile(r"---|- |[\w\-]+:(\s|$)")
_PLAIN_PATH = re.compile(r"[\w./+@=-]*[\w/][\w./+@=-]*")  # one that needs no quotes
_STREAM = b"\xff\xff\xff\xff"
_ARROW = b"ARROW1\0\0"
_BINARY_KINDS = {".parquet": (b"PAR1",), ".arrow": (_ARROW, _STREAM), ".feather": (_ARROW, _STREAM)}


def check_content(path: Path, name: str, head: bytes, kind: str) -> None:
    """Raise DataError (unreadable_file, not_utf8) if the first bytes say that no rows follow.

    `kind` is the ending that says how the file is to be read, `name` what a message calls it. A
    library reads the tables of _BINARY_KINDS; it finds other faults of theirs.
    """
    if head.startswith(_BINARY_KINDS.get(kind, ())):
        return
    found = _by_signature(head)
    encoding = "" if found or kind in _BINARY_KINDS else wide_encoding(head)
    if encoding:
        raise not_utf8(path, encoding, name, is_certain=True)
    found = found or _markup(head)
    if not found and kind not in _BINARY_KINDS:
        is_table = kind in (".csv", ".tsv")
        found = _json_in_table(head) if is_table else _text_of_another_kind(head)
        # a text that somebody damaged has a few zero bytes
        if not found and head.count(0) > max(64, len(head) // 10):
            found = "no text", _NO_DATA
    if found:
        what, fix = found
        file = str(path) if _PLAIN_PATH.fullmatch(str(path)) else "FILE"
        raise DataError(f"{name} is {what}: {fix.replace('{file}', file)}", "unreadable_file")


def _by_signature(head: bytes) -> tuple[str, str] | None:
    """Return what the file is, and what to do, if its bytes say so."""
    for place, signature, what, fix in _SIGNATURES:
        if head.startswith(signature, place):
            return what, fix
    if head.startswith(b"PK\x03\x04"):
        return _zip(head)
    if head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05":
        return "a pickle of Python", _PICKLE
    if head[8:10] == b'{"' and head[4:8] == b"\0\0\0\0":
        return "a model's weights (safetensors)", _NO_DATA
    if head.startswith(_STREAM) and head[7:8] == b"\0":
        return "an Arrow stream", "give the file the ending .arrow"
    return None


def _zip(head: bytes) -> tuple[str, str]:
    if b"[Content_Types].xml" in head or b"xl/" in head:
        return "an Excel sheet (.xlsx)", _EXCEL
    if b"data.pkl" in head:
        return "a model's weights (PyTorch)", _NO_DATA
    if b".npy" in head[:200]:
        return "arrays of NumPy (.npz)", _NUMPY
    return "a ZIP archive or an Excel sheet", "unpack it, or save the sheet as CSV"


def _markup(head: bytes) -> tuple[str, str] | None:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:100].lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head")):
        return "an HTML page, as a download gives that failed", _AGAIN
    if start.startswith((b"<?xml", b"<error>")):
        return "XML, as a download may give that failed", _AGAIN
    return None


def _json_in_table(head: bytes) -> tuple[str, str] | None:
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b'{"', b'[{"', b"[\n")):
        return "JSON, not a table", "give the file the ending .jsonl, or .json"
    return None


def _text_of_another_kind(head: bytes) -> tuple[str, str] | None:
    """Return what the text is where no line of it begins as JSON does."""
    lines = _first_lines(head)
    if lines and all(line.startswith(("{'", "[{'")) for line in lines):
        return "Python's text of dicts (single quotes), not JSON", _LITERALS
    if not lines or any(line.startswith(("{", "[", '"')) for line in lines):
        return None
    if all(line.startswith(_EVENT_FIELDS) for line in lines):
        return "a stream of server-sent events", _EVENTS
    names = lines[0].split("\t")
    tabs = [line.count("\t") for line in lines]
    if len(names) > 1 and set(tabs) == {len(names) - 1}:
        return f"a table with tabs ({', '.join(names)[:100]})", "give the file the ending .tsv"
    if len(lines) > 1 and _YAML_LINE.match(lines[0]) and _YAML_LINE.match(lines[1]):
        return "YAML", _YAML
    commas, semicolons = "give the file the ending .csv", "save it with commas, as .csv"
    for mark, advice in ((",", commas), (";", semicolons)):
        names = [name.strip('"') for name in lines[0].split(mark)]
        if len(names) > 1 and len(lines) > 1 and all(map(_NAME.fullmatch, names)):
            return f"a CSV table ({', '.join(names)[:100]})", advice
    return None


def _first_lines(head: bytes) -> list[str]:
    """Return the file's first lines that are not blank; the last one may be cut off."""
    text = head[: 1 << 16].decode("utf-8-sig", "replace")
    lines = [line.strip("\r\n ") for line in text.split("\n", 10 * _FIRST_LINES)]
    if len(head) > 1 << 16:
        lines = lines[:-1] or lines
    return [line for line in lines if line][:_FIRST_LINES]
