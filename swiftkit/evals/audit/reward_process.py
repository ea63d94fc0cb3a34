"""Our side of the process that calls the reward: completions in, a value or a fault for each out.

A batch that raises or takes too long is tried again a completion at a time, so that each fault has
its example. Never does a call last longer than allowed, nor all of them longer than `seconds`.
"""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from swiftkit.sandbox import reward_worker
from swiftkit.sandbox.worker import Worker, WorkerError

_LARGEST_BATCH = 64
_BATCH_SECONDS = 0.4  # what a batch should take, of the CALL_SECONDS that it may
CALL_SECONDS = 2.0  # of one batch; a training step calls each reward once
MEGABYTES = 2048  # beside what the loaded reward takes
_FIRST_SECONDS = 15.0  # of the first call
_GRACE_SECONDS = 20.0
_HANGS = 3  # after which no more completions are tried: each costs CALL_SECONDS


class Item(NamedTuple):
    """A completion of a row."""

    row: int
    text: str


class Result(NamedTuple):
    """What came of a completion. `value`: a number, None, or a text that names what is no number.

    fault: "" or raises, late, ends, length. seconds, cpu: of its share of the batch.
    """

    value: Any = None
    fault: str = "untried"
    detail: str = ""
    seconds: float = 0.0
    cpu: float = 0.0

    @property
    def number(self) -> float | None:
        return self.value if not self.fault and isinstance(self.value, float) else None


class Observation(msgspec.Struct):
    """Something that the reward did, how often, and an example of what it was given."""

    count: int = 0
    detail: str = ""
    example: str = ""


class RewardProcess:
    """A reward, loaded in a process of its own. Raises WorkerError if it cannot be loaded."""

    def __init__(
        self,
        file: str,
        name: str,
        settings: dict[str, Any],
        variables: Mapping[str, str],
        hash_seed: str = "0",
    ) -> None:
        self._loaded = (file, name, settings, variables)
        begin = time.monotonic()
        arguments = [file, name, msgspec.json.encode(settings).decode(), str(MEGABYTES)]
        environment = {"OMP_NUM_THREADS": "1", **variables, **os.environ}
        environment["PYTHONHASHSEED"] = hash_seed
        handler = Path(reward_worker.__file__)
        # quiet: what the imports print is no word of the reward
        self._worker = Worker(handler, arguments, environment=environment, quiet=True)
        self.hello = self._worker.hello
        self.load_seconds = time.monotonic() - begin
        self.observations: dict[str, Observation] = {}
        self._seconds, self._count = 0.0, 0  # that completions took so far
        self.notes_hangs = True  # False while long texts are timed

    def another(self, rows: Sequence[Mapping[str, Any]], hash_seed: str) -> "RewardProcess":
        """Return another process with the same reward and rows."""
        process = RewardProcess(*self._loaded, hash_seed)
        process.give_rows(rows)
        process.warm_up(Item(0, ""))
        return process

    def give_rows(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self._worker.request({"rows": list(rows)}, _GRACE_SECONDS)

    def close(self) -> None:
        self._worker.kill()

    def note(self, name: str, detail: str, example: str = "", count: int = 1) -> None:
        seen = self.observations.setdefault(name, Observation(0, detail, example))
        seen.count += count

    def warm_up(self, item: Item) -> None:
        """Call it once, with time for what it loads only then."""
        begin = time.monotonic()
        request = {
            "batches": [{"rows": [item.row], "texts": [item.text]}],
            "batch_seconds": _FIRST_SECONDS,
            "seconds": _FIRST_SECONDS,
        }
        self._worker.request(request, _FIRST_SECONDS + _GRACE_SECONDS)
        self.load_seconds += time.monotonic() - begin

    def batches(self, batches: Sequence[Sequence[Item]], seconds: float) -> list[list[Result]]:
        """Return the results of whole batches as they are; none of a batch that was not tried."""
        results, _ = self._run(batches, seconds)
        return results

    def evaluate(
        self,
        items: Sequence[Item],
        seconds: float,
        size: int = 0,
        hangs: int = _HANGS,
        kinds: Sequence[str] = (),
    ) -> list[Result]:
        """Return the result of each completion, in their order; after so many that hang, no more.

        size: of a batch; 0: what its pace so far suggests. kinds: of each item; after one that
        hangs the others of its kind are not tried.
        """
        deadline = time.monotonic() + seconds
        size = size or self._batch_size()
        found = [Result()] * len(items)
        order = list(range(len(items)))
        batches = [order[start : start + size] for start in range(0, len(order), size)]
        raised: list[list[int]] = []  # to be tried alone, when all the others are done
        while batches and hangs > 0 and (left := deadline - time.monotonic()) > 0:
            results, has_stopped = self._run([[items[i] for i in batch] for batch in batches], left)
            for batch, outcomes in zip(batches, results, strict=False):
                for index, outcome in zip(batch, outcomes, strict=True):
                    found[index] = outcome
                if len(batch) > 1 and outcomes[0].fault in ("raises", "length"):
                    raised += [[index] for index in batch]
            rest = batches[len(results) :] if has_stopped else []
            if has_stopped:
                last = batches[len(results) - 1]
                if len(last) > 1:
                    rest = [[index] for index in last] + rest
                else:
                    hangs -= 1
                    rest = _without(rest, kinds, last[0])
            batches = rest
            if not batches:
                batches, raised = raised, []
        return found

    def _batch_size(self) -> int:
        pace = self._seconds / max(self._count, 1)
        return max(1, min(_LARGEST_BATCH, int(_BATCH_SECONDS / max(pace, 1e-6))))

    def _run(
        self, batches: Sequence[Sequence[Item]], seconds: float
    ) -> tuple[list[list[Result]], bool]:
        """Return results for the batches that were tried, and whether one of them ended it all."""
        request = {
            "batches": [
                {"rows": [item.row for item in batch], "texts": [item.text for item in batch]}
                for batch in batches
            ],
            "batch_seconds": CALL_SECONDS,
            "seconds": seconds,
        }
        answer = self._worker.request(request, seconds + CALL_SECONDS + _GRACE_SECONDS)
        results = [
            self._results(batch, raw)
            for batch, raw in zip(batches, answer["batches"], strict=False)
        ]
        for change in answer["changes"]:
            self.note("changes_state", change)
        if answer["printed"]:
            self.note("prints", answer["printed"])
        has_stopped = bool(answer["ended"]) and len(results) < len(batches)
        if has_stopped:
            batch = batches[len(results)]
            fault = "late" if answer["ended"] == "late" else "ends"
            detail = f"no end within {CALL_SECONDS:g} s" if fault == "late" else answer["ended"]
            results.append([Result(None, fault, detail, CALL_SECONDS, CALL_SECONDS)] * len(batch))
            if len(batch) == 1 and (fault == "ends" or self.notes_hangs):
                self.note("hangs" if fault == "late" else "exits", detail, batch[0].text)
        return results, has_stopped

    def _results(self, batch: Sequence[Item], raw: dict[str, Any]) -> list[Result]:
        if "error" in raw:
            detail = f"{raw['error']} ({raw['place']})" if raw["place"] else raw["error"]
            if len(batch) == 1:
                self.note(
                    f"raises {raw['error'].split(':')[0]} {raw['place']}", detail, batch[0].text
                )
            return [Result(None, "raises", detail)] * len(batch)
        values, count = raw["values"], len(batch)
        if raw.get("changed"):
            self.note("changes_inputs", "it changed the lists that it was given", batch[0].text)
        if raw.get("seeded"):
            self.note("changes_state", "it seeds Python's random numbers", batch[0].text)
        if len(values) != count:
            detail = f"{len(values)} values for {count} completions"
            self.note("wrong_length", detail, batch[0].text)
            return [Result(None, "length", detail)] * count
        share = raw["seconds"] / count, raw["cpu"] / count
        self._seconds, self._count = self._seconds + raw["seconds"], self._count + count
        return [Result(value, "", "", *share) for value in values]


def _without(batches: list[list[int]], kinds: Sequence[str], index: int) -> list[list[int]]:
    """Return the batches without what is of the kind of an item."""
    if not kinds:
        return batches
    kept = [[each for each in batch if kinds[each] != kinds[index]] for batch in batches]
    return [batch for batch in kept if batch]


__all__ = ["Item", "Result", "RewardProcess", "WorkerError"]
