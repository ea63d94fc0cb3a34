"""The runs in result files of tau-bench and of tau2 (tau3), in one form.

tau-bench (https://github.com/sierra-research/tau-bench): run.py writes a JSON list of {task_id,
reward, info, traj, trial}. A run that stopped with an error has it in `info`.

tau2 (https://github.com/sierra-research/tau2-bench): {info, tasks, simulations}, or a results.json
whose simulation_index lists files of the folder simulations/ beside it. What was checked stands in
reward_info. Runs that ended by a fault of the infrastructure or of the simulated user, and runs
without a reward, are errors; max_steps and too_many_errors are failures of the agent.

Files whose runs are put together are of one benchmark and one domain: tau2 names it; of tau-bench
it is what the first line of the system prompt says, else the file's name.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from swiftkit.data.json_values import field, items
from swiftkit.data.simulated_user import NOT_THE_AGENTS_FAULT
from swiftkit.errors import DataError
from swiftkit.files.inputs import STDIN, find_files, read_chunks
from swiftkit.files.jsonl import decode_line
from swiftkit.terminal import shorten

T = TypeVar("T")
_DOMAIN = re.compile(r"airline|retail|telecom|banking", re.IGNORECASE)


class TauRun(msgspec.Struct, frozen=True):
    """One trial of one task. `checks` are the numbers of those that passed, and of all, by kind;
    `ended` is tau2's termination reason."""

    task: str
    trial: int
    reward: float
    error: str = ""
    ended: str = ""
    checks: dict[str, tuple[int, int]] = {}
    reason: str = ""


class _TauBenchRun(msgspec.Struct):
    task_id: int | str
    reward: float
    trial: int = 0
    info: Any = None
    traj: Any = None


class _Tau2Run(msgspec.Struct):
    task_id: int | str
    termination_reason: str
    trial: int | None = 0
    reward_info: dict[str, Any] | None = None
    skipped: bool = False


def read_runs(inputs: Sequence[Path]) -> list[TauRun]:
    """Return the runs. Raises DataError for what is no result, a file or run given twice, and files
    of several domains."""
    files = find_files(inputs, [])
    _refuse_copies([*inputs, *(file for file in files if file not in inputs)])
    files = [file for file in files if not _is_listed_beside(file, files)]
    runs: list[TauRun] = []
    places: dict[tuple[Path, str, int], str] = {}
    domains: dict[tuple[str, str], Path] = {}  # the first file of each
    conversations: dict[bytes, str] = {}
    for path, where, run, domain, conversation in _located(files):
        if conversation and (first := conversations.setdefault(conversation, where)) != where:
            reason = f"{where}: the run of task {run.task} stands at {first} already, word for word"
            raise DataError(reason, "duplicate_run", "give each run once")
        first = places.setdefault((path, run.task, run.trial), where)
        if first != where:
            reason = f"{where}: trial {run.trial} of task {run.task} stands at {first} already"
            raise DataError(reason, "duplicate_trial", "give each run once")
        for other, other_path in domains.items():
            if domain[0] != other[0] or (domain[1] != other[1] and domain[1] and other[1]):
                here, there = (" ".join(names).strip() for names in (domain, other))
                reason = f"{path} is of {here}, {other_path} of {there}"
                raise DataError(reason, "several_domains", "report on each domain by itself")
        domains.setdefault(domain, path)
        runs.append(run)
    if not runs:
        names = ", ".join(map(str, inputs))
        raise DataError(f"{names}: no runs", "empty_file", "give the file that tau-bench wrote")
    return runs


def _refuse_copies(files: Sequence[Path]) -> None:
    """Raise DataError for a file that is given twice: under another name, or as a copy."""
    first: dict[str, Path] = {}
    for file in files:
        if file == STDIN or not file.is_file():
            continue
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        if digest in first:
            reason = f"{file} and {first[digest]} are the same results"
            raise DataError(reason, "duplicate_file", "give each file once")
        first[digest] = file


def _is_listed_beside(file: Path, files: Sequence[Path]) -> bool:
    return file.parent.name == "simulations" and file.parent.parent / "results.json" in files


def _located(files: Sequence[Path]) -> Iterator[tuple[Path, str, TauRun, tuple[str, str], bytes]]:
    """Yield each run with its file, its place, its benchmark and domain ("" where unknown), and
    what tells it from any other: a further trial does not repeat a whole conversation."""
    for chunk in read_chunks(files):
        for number, record in chunk.records:
            where = f"{chunk.path}:{number}"
            value = decode_line(record, where, msgspec.json.decode)
            match value:
                case {"simulations": list(simulations)}:
                    pass
                case {"simulation_index": list(index)}:
                    simulations = [_beside(chunk.path, entry, where) for entry in index]
                case {"task_id": _, "termination_reason": _}:
                    simulations = [value]
                case {"task_id": _, "reward": _}:
                    run = _converted(value, _TauBenchRun, where)
                    yield (
                        chunk.path,
                        where,
                        _of_tau_bench(run),
                        ("tau-bench", _domain_of(run, chunk.path)),
                        _identity(value, "traj"),
                    )
                    continue
                case _:
                    raise _no_result(value, where)
            name = field(field(field(value, "info"), "environment_info"), "domain_name")
            for place, simulation in enumerate(simulations):
                at = f"{where}:simulations[{place}]"
                simulated = _of_tau2(_converted(simulation, _Tau2Run, at))
                yield (
                    chunk.path,
                    at,
                    simulated,
                    ("tau2", str(name or "")),
                    _identity(simulation, "messages"),
                )


def _identity(value: Any, key: str) -> bytes:
    """Return a hash of a run, however its file is written; b"" of one that says too little: two
    runs may fail alike."""
    if not any(field(message, "role") == "assistant" for message in items(field(value, key))):
        return b""
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).digest()


def _beside(path: Path, entry: Any, where: str) -> Any:
    """Return a simulation that results.json lists, from the folder beside it."""
    name = field(entry, "id")
    file = path.parent / "simulations" / f"{name}.json"
    if not isinstance(name, str) or "/" in name or not file.is_file():
        fix = "keep results.json beside its folder simulations/"
        raise DataError(f"{where}: no file of simulation {name!r}", "missing_file", fix)
    return decode_line(file.read_bytes(), str(file), msgspec.json.decode)


def _converted(value: Any, form: type[T], where: str) -> T:
    try:
        return msgspec.convert(value, form)
    except msgspec.ValidationError as error:
        reason = f"{where}: no result: {error}"
        raise DataError(reason, "no_result", "give the file that the benchmark wrote") from error


def _no_result(value: Any, where: str) -> DataError:
    what = f"a JSON {type(value).__name__}"
    if isinstance(value, dict):
        what = f"an object with {shorten(', '.join(map(str, value)), 100) or 'nothing in it'}"
    reason = f"{where}: {what} is no result of tau-bench or tau2"
    return DataError(reason, "no_result", "give the file that the benchmark wrote")


def _domain_of(run: _TauBenchRun, path: Path) -> str:
    prompt = field(next(iter(items(run.traj)), None), "content")
    first_line = prompt.strip().partition("\n")[0] if isinstance(prompt, str) else ""
    found = _DOMAIN.search(first_line) or _DOMAIN.search(path.name)
    return found[0].lower() if found else shorten(first_line, 60)


def _of_tau_bench(run: _TauBenchRun) -> TauRun:
    error = field(run.info, "error")
    parts = field(field(run.info, "reward_info"), "info")
    checks, texts = {}, []
    for name, part in parts.items() if isinstance(parts, dict) else ():
        if not str(name).startswith("gt_"):  # a hash
            texts.append(f"{name} {part}")
        if name == "r_actions" and isinstance(part, int | float):
            checks["state"] = int(part >= 1), 1
        if name == "outputs" and isinstance(part, dict) and part:
            checks["communicated"] = sum(map(bool, part.values())), len(part)
    reason = f"reward {run.reward:g}" + (f" ({', '.join(texts)[:200]})" if texts else "")
    message = shorten(str(error), 200) if error else ""
    if not message and not 0 <= run.reward <= 1:
        message = f"its reward is {run.reward:g}, not from 0 to 1"
    return TauRun(str(run.task_id), run.trial, run.reward, message, "", checks, reason)


def _of_tau2(simulation: _Tau2Run) -> TauRun:
    told = simulation.reward_info or {}
    ended, reward = simulation.termination_reason, told.get("reward")
    error = ""
    if simulation.skipped or ended in NOT_THE_AGENTS_FAULT:
        error = f"it ended with {shorten(ended, 60)}"
    elif not isinstance(reward, int | float):
        error = "it has no reward (tau2 evaluate-trajs gives it one)"
    elif isinstance(reward, bool) or not 0 <= reward <= 1:
        error = f"its reward is {reward}, not from 0 to 1"
    checks = {}
    match = field(told.get("db_check"), "db_match")
    if isinstance(match, bool):
        checks["state"] = int(match), 1
    kinds = (
        ("state assertions", "env_assertions", "met"),
        ("actions", "action_checks", "action_match"),
        ("communicated", "communicate_checks", "met"),
        ("judged assertions", "nl_assertions", "met"),
    )
    for kind, column, key in kinds:
        results = [field(check, key) is True for check in items(told.get(column))]
        if results:
            checks[kind] = sum(results), len(results)
    failed = []
    for kind, (right, total) in checks.items():
        if right < total:
            failed.append(f"{kind} {right} of {total}")
    value = float(reward) if isinstance(reward, int | float) else 0.0
    reason = "; ".join([f"reward {value:g}", f"ended by {shorten(ended, 60)}", *failed])
    trial = simulation.trial or 0
    return TauRun(str(simulation.task_id), trial, value, error, ended, checks, reason)
