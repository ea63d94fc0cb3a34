"""The encoding of a file that is no UTF-8: named, as a guess where it is one, with a line that
mends it."""

import gzip
import json
import random
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from helpers.paths import SHARED_CASES
from hypothesis import given, settings
from hypothesis import strategies as st

from swiftkit.errors import DataError
from swiftkit.files.encodings import file_encoding, guess, wide_encoding
from swiftkit.files.inputs import read_chunks, read_span, read_spans
from swiftkit.files.jsonl import BrokenRecord, decode_record

# Python's name of the encoding, iconv's name, sentences
SENTENCES = {
    ("gbk", "GBK"): [
        "北京天气怎么样？晴，二十度。",
        "退款",
        "订单号：A123，请帮我退款。谢谢！",
        "请帮我查询明天上海到深圳的航班",
    ],
    ("gb18030", "GB18030"): ["北京天气怎么样😀？晴，二十度。"],
    ("big5", "BIG5"): ["北京天氣怎麼樣？晴，二十度。", "請幫我查詢明天的航班"],
    ("cp932", "CP932"): ["北京の天気はどうですか？晴れ、二十度です。", "テストデータ"],
    ("euc_jp", "EUC-JP"): ["北京の天気はどうですか？晴れ、二十度です。", "こんにちは"],
    ("cp949", "CP949"): ["서울의 날씨는 어떻습니까? 맑음, 이십 도입니다."],
    ("cp1251", "WINDOWS-1251"): ["Какая погода в Москве? Двадцать градусов."],
    ("koi8_r", "KOI8-R"): ["Какая погода в Москве? Двадцать градусов."],
    ("cp1252", "WINDOWS-1252"): [
        "café",
        "Größe über alles",
        "It’s “fine” – really…",
        "¿Qué tiempo hace en México?",
        "Ça coûte 5 €",
    ],
}
PAIRS = [(*names, text) for names, texts in SENTENCES.items() for text in texts]
WIDE = {
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16LE",
    "utf-16-be": "UTF-16BE",
    "utf-32": "UTF-32",
    "utf-32-le": "UTF-32LE",
    "utf-32-be": "UTF-32BE",
}


def lines(text: str, encoding: str, count: int = 3) -> bytes:
    rows = [{"instruction": f"{number} {text}", "output": text} for number in range(count)]
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode(encoding)


def codes(file: Path) -> list[str]:
    """The code of each record that cannot be read, "" of the others."""
    found = []
    for chunk in read_chunks([file]):
        for _, record in chunk.records:
            try:
                decode_record(record, "here")
                found.append("")
            except DataError as error:
                found.append(error.code)
    return found


@pytest.mark.parametrize(("encoding", "name", "text"), PAIRS)
def test_an_encoding_is_guessed_from_one_sentence(encoding: str, name: str, text: str) -> None:
    assert file_encoding(lines(text, encoding, 1)) == name
    assert file_encoding(b'{"id": 1}\n' * 100 + lines(text, encoding)) == name


@pytest.mark.parametrize(("encoding", "name", "text"), PAIRS)
def test_each_row_names_the_encoding_and_the_line_that_mends_it(
    tmp_path: Path, encoding: str, name: str, text: str
) -> None:
    """The line runs, and what it writes has the rows; workers that read themselves say the same."""
    file = tmp_path / "raw.jsonl"
    file.write_bytes(b'{"id": 1}\n' + lines(text, encoding))
    [chunk] = read_chunks([file])
    broken = [record for _, record in chunk.records[1:] if isinstance(record, BrokenRecord)]
    assert (chunk.records[0], len(broken)) == ((1, b'{"id": 1}'), 3)
    [error] = {(record.error.code, record.error.reason, record.error.fix) for record in broken}
    assert error[0] == "not_utf8"
    assert name in error[1]
    assert "guess" in error[1]
    spans = [read_span(span) for span in read_spans([file], lambda _: None, 10)]
    assert [record for span in spans for record in span.records] == chunk.records
    if shutil.which("iconv") is None:
        pytest.skip("iconv is not here")
    command = error[2].partition(",")[0]
    subprocess.run(command, shell=True, check=True, cwd=tmp_path)  # noqa: S602 - the line we advise
    assert (tmp_path / "NEW.jsonl").read_text("utf-8").endswith(lines(text, "utf-8").decode())
    assert codes(tmp_path / "NEW.jsonl") == [""] * 4


@pytest.mark.parametrize("ending", [".jsonl", ".json", ".csv"])
@pytest.mark.parametrize("encoding", WIDE)
def test_utf16_and_utf32_stop_the_run(tmp_path: Path, encoding: str, ending: str) -> None:
    """With and without a byte order mark: no line of them can be told from the next."""
    text = "instruction,output\n北京,晴\n" if ending == ".csv" else lines("北京", "utf-8").decode()
    file = tmp_path / f"raw{ending}"
    file.write_bytes(text.encode(encoding))
    with pytest.raises(DataError, match=f"but {WIDE[encoding]} ") as caught:
        codes(file)
    assert caught.value.code == "not_utf8"
    if shutil.which("iconv") is None:
        pytest.skip("iconv is not here")
    subprocess.run(caught.value.fix, shell=True, check=True, cwd=tmp_path)  # noqa: S602 - ours
    assert (tmp_path / f"NEW{ending}").read_text("utf-8").lstrip("\ufeff") == text


def test_a_list_stops_where_letters_may_hide_its_ends(tmp_path: Path) -> None:
    """The second byte of a letter of GBK may be a backslash; of Latin-1 there is none."""
    latin, chinese = tmp_path / "latin.json", tmp_path / "chinese.json"
    latin.write_bytes(json.dumps([{"output": "café"}] * 3, ensure_ascii=False).encode("cp1252"))
    assert codes(latin) == ["not_utf8"] * 3
    rows = [{"output": "请问天气怎么样，許"}] * 3
    chinese.write_bytes(json.dumps(rows, ensure_ascii=False).encode("gbk"))
    with pytest.raises(DataError, match="reads like GBK, which is a guess") as caught:
        codes(chinese)
    assert caught.value.code == "not_utf8"


def test_a_broken_line_in_a_utf8_file_stays_one_reject(tmp_path: Path) -> None:
    """To convert the whole file would break the others."""
    file = tmp_path / "mixed.jsonl"
    file.write_bytes(lines("北京", "utf-8") + b"\n" + lines("上海天气", "gbk", 1))
    assert codes(file) == ["", "", "", "broken_json"]
    record = next(read_chunks([file])).records[3][1]
    with pytest.raises(DataError, match=r"byte 0xc9 at 19; this line reads like GBK"):
        decode_record(record, "here")


def test_text_that_was_cut_within_its_characters_is_still_utf8(tmp_path: Path) -> None:
    """As `text[:100]` on bytes does: no other encoding is named."""
    rows = []
    for number in range(9, 30):
        cut = ("北京天气怎么样" * 9).encode()[:number]
        rows.append(b'{"output": "' + cut + b'"}')
    file = tmp_path / "cut.jsonl"
    file.write_bytes(b"\n".join(row for row in rows if not _is_utf8(row)))
    assert file_encoding(file.read_bytes()) == ""
    assert set(codes(file)) == {"broken_json"}


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_a_packed_file_is_unpacked_first(tmp_path: Path) -> None:
    """In the line that mends it."""
    file = tmp_path / "raw.jsonl.gz"
    file.write_bytes(gzip.compress(lines("北京天气", "gbk")))
    record = next(read_chunks([file])).records[0][1]
    assert isinstance(record, BrokenRecord)
    assert record.error.fix.startswith(f"gzip -dc {file} | iconv -f GBK -t UTF-8 > NEW.jsonl")


def test_the_shared_case_is_named() -> None:
    """gbk.jsonl of the shared cases."""
    file = SHARED_CASES / "data" / "gbk.jsonl"
    if not file.exists():
        pytest.skip("the shared cases are not here")
    assert codes(file) == ["not_utf8"] * 3


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=60), st.integers(0, 60))
def test_utf8_is_never_taken_for_another_encoding(text: str, end: int) -> None:
    """Also where the piece that is looked at ends within a character."""
    head = text.encode("utf-8", "replace")
    assert file_encoding(head) == ""
    assert file_encoding(("中" * 9 + text).encode("utf-8", "replace")[: 27 + end]) == ""


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200))
def test_no_bytes_break_the_guess(data: bytes) -> None:
    """Whatever they are."""
    for name in (file_encoding(data), guess(data), wide_encoding(data)):
        assert name.isascii()


COMMON = "的一是不了在人有我他这中大来上个国到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可她里后"


def test_common_chinese_in_gbk_is_guessed() -> None:
    """Of 2,000 texts of 4 to 40 common characters: a few read like UTF-8 by chance."""
    draw = random.Random(7)  # noqa: S311 - no secret
    texts = ["".join(draw.choices(COMMON, k=draw.randint(4, 40))) for _ in range(2000)]
    names = Counter(file_encoding(lines(text, "gbk", 1)) for text in texts)
    assert names["GBK"] >= 1980, names
