"""The names of samples, and the sample that an answer of a journal belongs to.

A row's own `id` names its sample. A row without one is named by what is asked: `q-` and 12 hex
digits of the BLAKE2b hash of the messages and tools as they are sent, with sorted keys; then what
the task adds where a row has several samples (`#2`), and `~2` for the second that asks the same.
Neither folder, spelling of the path, line nor gold is in it, so mended gold and an inserted row
keep their answers. Equal questions may change places, because their answers can.

Each line of a journal says what was asked (`asked`, 16 digits of that hash). Its answer belongs to
the sample of its name, if that asks the same still, or else to the one sample that does.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

import msgspec

from swiftkit.records import Sample

_NAME_DIGITS = 12  # two of 100,000 questions share a name once in 56,000 files; ~2 parts them
_LONGEST_PLACE = 4096  # characters, of a path
_encode = msgspec.json.Encoder(order="sorted").encode


def place_of(where: str) -> str:
    """Return the name that earlier versions gave to a row without an id, from its file:line."""
    return where.replace("/", "_")


def question_hash(sample: Sample) -> str:
    """Return 16 hex digits that change with all that an answer or its verdict depends on."""
    asked = [sample.messages, sample.tools]
    if sample.beside is not None:
        asked.append(sample.beside)
    return blake2b(_encode(asked), digest_size=8).hexdigest()


def name_samples(samples: Sequence[Sample], places: Mapping[str, str]) -> list[Sample]:
    """Return the samples with what they ask, and a name for each whose id is among `places`.

    `places` has the row's place for each such id, which is the place and what the task added. A
    made name is never one that a row gives, whatever the order of the rows.
    """
    given = {sample.id for sample in samples if sample.id not in places}
    numbers: Counter[str] = Counter()
    chains: dict[str, str] = {}  # by the place of their row
    named = []
    for sample in samples:
        asked = question_hash(sample)
        row_place = places.get(sample.id)
        if row_place is None:
            named.append(msgspec.structs.replace(sample, asked=asked))
            continue
        stem = f"q-{asked[:_NAME_DIGITS]}{sample.id.removeprefix(row_place)}"
        name = ""
        while not name or name in given:
            numbers[stem] += 1
            name = stem if numbers[stem] == 1 else f"{stem}~{numbers[stem]}"
        meta = sample.meta | {"place": sample.id}
        if meta.get("chain") == row_place:
            meta["chain"] = chains.setdefault(row_place, name)
        named.append(msgspec.structs.replace(sample, id=name, asked=asked, meta=meta))
    return named


class SampleNames:
    """The samples of some data, as a journal or a file of completions refers to them.

    `data` is the path that they were loaded from. `knows_places`: names of earlier versions, which
    are places in the data, are found too, whatever the path of the data was then.
    """

    def __init__(self, samples: Sequence[Sample], data: Path, *, knows_places: bool) -> None:
        self._asked = {sample.id: sample.asked for sample in samples}
        times = Counter(self._asked.values())
        self._asked_once = {
            asked: name for name, asked in self._asked.items() if asked and times[asked] == 1
        }
        self._extension = None if data.is_dir() else data.suffix
        self._ends: dict[str, str] = {}  # what follows the data's path in an old name
        if knows_places:
            typed = place_of(str(data))
            for sample in samples:
                if "place" in sample.meta:
                    end = sample.meta["place"].removeprefix(typed)
                    self._ends[end.removeprefix("_")] = sample.id

    def __contains__(self, name: str) -> bool:
        return name in self._asked

    def name_of(self, name: str, asked: str) -> str | None:
        """Return the sample that this question is now; `asked` is "" where nothing told it."""
        if name in self._asked and (not asked or asked == self._asked[name]):
            return name
        return self._asked_once.get(asked) if asked else self._at_place(name)

    def _at_place(self, place: str) -> str | None:
        """Return the sample at a place: a line of the data file, or a file of the folder and its
        line. Where the folder's path ends is not known: a slash was written as `_`."""
        if not self._ends or len(place) > _LONGEST_PLACE:
            return None
        if self._extension is not None:
            colon = place.rfind(f"{self._extension}:") + len(self._extension)
            return self._ends.get(place[colon:])
        parts = place.split("_")
        ends = ["_".join(parts[start:]) for start in range(len(parts))]
        found = [self._ends[end] for end in ends if end in self._ends]
        return found[0] if len(found) == 1 else None
