r"""A smoke set of the user's own: a question a line, and how its answer is checked.

    {"prompt": "Capital of France? One word.", "check": {"exact": "Paris"}}
    {"prompt": "Name three colours.", "check": {"contains": ["red", "blue"]}}
    {"prompt": "Date, as YYYY-MM-DD?", "check": {"regex": "\\d{4}-\\d{2}-\\d{2}"}}
    {"prompt": "As JSON: a=1", "check": {"json": {"a": 1}}}
    {"prompt": "Route this task: ...",
     "check": {"json_schema": {"type": "object", "required": ["topology"]}}}
    {"prompt": "Pi to two digits?", "check": {"number": 3.14, "tolerance": 0.005}}
    {"prompt": "Capital of France? (A) Rome (B) Paris", "check": {"choice": "B"}}
    {"prompt": "Weather?", "tools": [...],
     "check": {"calls": [{"name": "weather", "arguments": {"city": "Oslo"}}]}}
    {"prompt": "Explain recursion to a child.", "check": {"judge": "A child can follow it."}}

`messages` (a list of {role, content}) may stand in place of `prompt`; `id`, `category` and `tools`
may be added. One check may hold several kinds: all must pass. Text is compared without white space
around it and without the model's reasoning. `contains` wants all of its texts, `regex` is found
anywhere. `exact` and `contains` take "ignore_case": true beside them. JSON is compared by value: it
is the whole answer, or what stands in its one code fence. A number is the one that the answer gives
(evals/final_number.py); its tolerance is 0 where none is given. A pattern runs in a matcher that
takes linear time (Rust's syntax: neither lookaround nor back references).

A choice is a letter, in whatever case; "choices": ["A", "B"] beside it says which there are,
"choices": ["Rome", "Paris"] also what they say. How it is read: evals/choice.py; an answer that
names none or several is wrong. Texts are compared in Unicode's form C. In a pattern `\\d` and `\\w`
are ASCII's (`\\p{Nd}` and `\\p{L}` are any script's), (?i) folds all of Unicode, and `^` and `$`
are the ends of the whole text unless (?m) stands before.

The judge is a model (evals/judge.py) behind SWIFTKIT_JUDGE_BASE_URL, by the name
SWIFTKIT_JUDGE_MODEL (or the first that is served), with the key SWIFTKIT_JUDGE_API_KEY. A verdict
that cannot be read is asked for once more; then it is an error of the sample, no score. It is in
the journal, and is asked for again when the run is resumed.

Metrics: `accuracy`, with trials pass^k and pass@k; `accuracy[CATEGORY]`; `accuracy[check:KIND]`.
"""

import re
import unicodedata
from collections.abc import Sequence
from fractions import Fraction
from functools import cache, partial
from pathlib import Path
from typing import Any

import msgspec

from swiftkit.data.to_openai import openai_messages, parse_tools
from swiftkit.errors import DataError
from swiftkit.evals import judge as judges
from swiftkit.evals.choice import choice_of
from swiftkit.evals.dataset import identity_of, load_samples, meta_of, with_format
from swiftkit.evals.final_number import number_of
from swiftkit.evals.results import categories_of, trial_count
from swiftkit.evals.stats import Tally, passes
from swiftkit.evals.task import Result, Task
from swiftkit.evals.written_numbers import short
from swiftkit.files.jsonl import encode
from swiftkit.records import Response, Sample, Score
from swiftkit.scoring.answer import read_answer
from swiftkit.scoring.completion import parse_answer
from swiftkit.scoring.equality import strict_key
from swiftkit.scoring.explain import score_with_reasons
from swiftkit.scoring.gold import Gold, gold_from
from swiftkit.toolcall.validate_call import schema_validator
from swiftkit.toolcall.visible_text import visible_text

HEADLINE = "accuracy"
_KINDS = ("exact", "contains", "regex", "json", "json_schema", "number", "choice", "calls", "judge")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LONGEST_NUMBER = 200
_ASSERTIONS = frozenset(
    "$ref $dynamicRef type enum const not if allOf anyOf oneOf required properties items "
    "prefixItems patternProperties additionalProperties propertyNames minProperties "
    "maxProperties contains dependentRequired dependentSchemas dependencies additionalItems "
    "minItems maxItems uniqueItems unevaluatedItems unevaluatedProperties minimum maximum "
    "exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength pattern format".split()
)
_FENCE = re.compile(r"```[\w-]*\s(.*?)```", re.DOTALL)


class Check(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The kinds of a check as a row writes them; at least one."""

    exact: str | msgspec.UnsetType = msgspec.UNSET
    contains: str | list[str] | msgspec.UnsetType = msgspec.UNSET
    regex: str | msgspec.UnsetType = msgspec.UNSET
    json: Any = msgspec.UNSET
    json_schema: dict[str, Any] | bool | msgspec.UnsetType = msgspec.UNSET
    number: float | str | msgspec.UnsetType = msgspec.UNSET
    choice: str | msgspec.UnsetType = msgspec.UNSET
    choices: list[str] | msgspec.UnsetType = msgspec.UNSET
    calls: Any = msgspec.UNSET
    judge: str | msgspec.UnsetType = msgspec.UNSET
    tolerance: float = 0.0
    ignore_case: bool = False


class CheckTarget(msgspec.Struct, frozen=True):
    check: Check
    gold: Gold | None  # of the kind `calls`
    kinds: list[str]


def load(path: Path, wire_format: str = "") -> list[Sample]:
    """Return the questions. Raises DataError (file:line), UsageError for a judge's address."""
    samples = load_samples(
        path, lambda row, where, _: [_sample(with_format(row, wire_format), where)]
    )
    if any("judge" in sample.target.kinds for sample in samples):
        judges.check_address(path)
    return samples


async def judge(sample: Sample, response: Response) -> Response:
    """Add the judge's verdict to the response, where the row wants it."""
    criterion = sample.target.check.judge
    if criterion is msgspec.UNSET:
        return response
    return await judges.judged(sample, criterion, response)


def score(sample: Sample, response: Response) -> Score:
    """Return 1 where all kinds of the check pass; `parts` has one share for each."""
    target: CheckTarget = sample.target
    text = visible_text(response.text).strip()
    parts, problems = {}, []
    for kind in target.kinds:
        problem = _problem(kind, target, text, response)
        parts[kind] = float(not problem)
        if problem:
            problems.append(f"{kind}: {problem}")
    is_right = not problems
    counts = {"right": int(is_right), "total": 1}
    return Score(float(is_right), is_right, "; ".join(problems), parts, counts)


def extremes(sample: Sample) -> tuple[Score, Score]:
    """Return the scores of an answer that fails each kind of the check, and that passes all."""
    kinds = sample.target.kinds
    return (
        Score(0.0, False, "", dict.fromkeys(kinds, 0.0)),
        Score(1.0, True, "", dict.fromkeys(kinds, 1.0)),
    )


def metrics(results: Sequence[Result]) -> dict[str, list[Tally]]:
    """Return a tally for each scored trial; the trials of a question are one cluster."""
    accuracy: list[Tally] = []
    breakdowns: dict[str, list[Tally]] = {category: [] for category in categories_of(results)}
    for sample, _, _ in results:
        breakdowns |= {f"check:{kind}": [] for kind in sample.target.kinds}
    for sample, _, trial_score in results:
        if trial_score is None:
            continue
        tally = Tally(sample.id, trial_score.value, 1.0)
        accuracy.append(tally)
        category = sample.meta.get("category")
        if category in breakdowns:
            breakdowns[category].append(tally)
        for kind in sample.target.kinds:
            breakdowns[f"check:{kind}"].append(Tally(sample.id, trial_score.parts[kind], 1.0))
    named = {f"{HEADLINE}[{name}]": breakdowns[name] for name in sorted(breakdowns)}
    return {HEADLINE: accuracy} | passes(accuracy, trial_count(results)) | named


def _problem(kind: str, target: CheckTarget, text: str, response: Response) -> str:
    """Return why this kind of check does not pass, or ""."""
    check = target.check
    wanted = getattr(check, kind)
    fold = partial(_folded, ignore_case=check.ignore_case)
    match kind:
        case "exact":
            is_equal = fold(text) == fold(wanted.strip())
            return "" if is_equal else f"not {repr(wanted)[:200]}"
        case "contains":
            texts = [wanted] if isinstance(wanted, str) else wanted
            missing = [repr(part) for part in texts if fold(part) not in fold(text)]
            return f"without {', '.join(missing)[:200]}" if missing else ""
        case "regex":
            # jsonschema's matcher takes linear time, as Python's does not
            readable = text.encode("utf-8", "replace").decode()  # a lone surrogate is no text to it
            return "" if _validator(encode({"pattern": wanted})).is_valid(readable) else "no match"
        case "json" | "json_schema":
            return _json_problem(kind, wanted, text)
        case "number":
            number = number_of(text)
            if number is None:
                return "no number"
            is_near = abs(number - _exact(wanted)) <= Fraction(str(check.tolerance))
            return "" if is_near else f"{short(number)} instead of {wanted}"
        case "choice":
            letters, texts = _choices(check)
            named = choice_of(text, letters, texts)
            return "" if named == _gold_letter(check) else f"{named or 'no choice'}, not {wanted}"
        case "calls" if target.gold is not None:
            answer = read_answer(response, partial(parse_answer, gold=target.gold))
            calls_score = score_with_reasons(answer.calls, target.gold, answer.malformed)
            return "" if calls_score.exact else calls_score.reason
    return "" if judges.verdict_of(response.verdict) else "the judge says no"


def _folded(text: str, ignore_case: bool) -> str:
    """Return the text in Unicode's form C, in which é is one character however it was typed."""
    text = unicodedata.normalize("NFC", text)
    return unicodedata.normalize("NFC", text.casefold()) if ignore_case else text


def _choices(check: Check) -> tuple[str, list[str]]:
    """Return the letters of the choices, and their texts where the check gives these."""
    choices = check.choices
    if not isinstance(choices, list):
        return _LETTERS, []
    if all(choice.strip().upper() in _LETTERS for choice in choices if len(choice.strip()) == 1):
        letters = [choice.strip().upper() for choice in choices]
        if all(len(letter) == 1 for letter in letters):
            return "".join(letters), []
    return _LETTERS[: len(choices)], choices


def _gold_letter(check: Check) -> str:
    """Return the letter of the right choice, or "" for one that is not among the choices."""
    letters, texts = _choices(check)
    wanted = str(check.choice).strip()
    if wanted in texts:
        return letters[texts.index(wanted)]
    return wanted.upper() if len(wanted) == 1 and wanted.upper() in letters else ""


def _json_problem(kind: str, wanted: Any, text: str) -> str:
    """Return why the answer is not the wanted value, or does not fit the schema, or ""."""
    fences = _FENCE.findall(text)
    try:
        value = msgspec.json.decode(fences[0] if len(fences) == 1 else text)
        if kind == "json":
            return "" if strict_key(value) == strict_key(wanted) else "another value"
        return "" if _validator(encode(wanted)).is_valid(value) else "does not fit the schema"
    except (ValueError, RecursionError, TypeError) as error:
        return f"no JSON: {str(error)[:100]}"


@cache
def _validator(schema: bytes) -> Any:
    return schema_validator(msgspec.json.decode(schema))


def _sample(row: dict[str, Any], where: str) -> Sample:
    messages = row.get("messages")
    if "prompt" in row:
        messages = [{"role": "user", "content": row["prompt"]}]
    tools = parse_tools(row.get("tools"), where)
    try:
        check, kinds = _check(row.get("check"))
    except (ValueError, TypeError, ZeroDivisionError) as error:
        reason = f"{where}: bad check: {str(error).splitlines()[0][:200]}"
        fix = "write it as swiftkit/evals/tasks/jsonl.py shows"
        raise DataError(reason, "bad_check", fix) from error
    gold = None
    if "calls" in kinds:
        calls, tools_text = encode(check.calls).decode(), encode(tools).decode()
        gold = gold_from(calls, where, row.get("scoring"), tools_text)
    history = openai_messages(messages, where)
    target = CheckTarget(check, gold, kinds)
    criterion = check.judge if "judge" in kinds else None
    identity, meta = identity_of(row, where), meta_of(row, where)
    return Sample(identity, history, tools, target, meta, beside=criterion)


def _check(value: Any) -> tuple[Check, list[str]]:
    """Return the check and its kinds. Raises ValueError for values that cannot be used."""
    check = msgspec.convert(value, Check)
    kinds = [kind for kind in _KINDS if getattr(check, kind) is not msgspec.UNSET]
    if not kinds:
        raise ValueError(f"it has none of {', '.join(_KINDS)}")
    if isinstance(check.regex, str):
        pattern = _validator(encode({"pattern": check.regex}))
        if pattern.is_valid("") and pattern.is_valid("\0"):
            raise ValueError("its regex matches every text")
    if check.json_schema is not msgspec.UNSET:
        _validator(encode(check.json_schema))
    if check.number is not msgspec.UNSET:
        _exact(check.number)
    if not 0 <= check.tolerance < float("inf"):
        raise ValueError("tolerance is a number from 0")
    _refuse_empty(check)
    return check, kinds


def _exact(number: float | str) -> Fraction:
    """Return a check's number. Raises ValueError for what is none, or would fill the memory."""
    text = str(number)
    if len(text) > _LONGEST_NUMBER or re.search(r"e[-+]?[\d_]{4}", text, re.IGNORECASE):
        raise ValueError(f"its number {text[:40]!r} is too long, or its power above 999")
    return Fraction(text)


def _refuse_empty(check: Check) -> None:
    """Raise ValueError for a check that every answer passes, or a flag without its kind."""
    texts = [check.contains] if isinstance(check.contains, str) else check.contains
    if texts == [] or (isinstance(texts, list) and not all(text.strip() for text in texts)):
        raise ValueError("its contains is empty")
    for kind in ("exact", "judge"):
        wanted = getattr(check, kind)
        if isinstance(wanted, str) and not wanted.strip():
            raise ValueError(f"its {kind} is empty")
    schema = check.json_schema
    is_open = isinstance(schema, dict) and not _ASSERTIONS & schema.keys()
    if isinstance(schema, bool) or is_open:  # such as {"requird": [...]}
        raise ValueError("its json_schema takes every value, or none")
    if check.calls is None:
        raise ValueError("its calls are null ([] means that nothing is called)")
    if check.tolerance and check.number is msgspec.UNSET:
        raise ValueError("a tolerance needs a number")
    if check.ignore_case and check.exact is msgspec.UNSET and check.contains is msgspec.UNSET:
        raise ValueError("ignore_case needs exact or contains")
    if check.choices is not msgspec.UNSET and check.choice is msgspec.UNSET:
        raise ValueError("choices need a choice")
    if check.choice is not msgspec.UNSET and not _gold_letter(check):
        raise ValueError("its choice is none of the choices (a letter, A to Z)")


TASK = Task(
    load,
    score,
    metrics,
    (0.0, 512),
    HEADLINE,
    judge=judge,
    settings=judges.settings,
    load_for=load,
    extremes=extremes,
)
