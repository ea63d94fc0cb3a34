"""The bfcl task: BFCL's gold is right in each category, the leaderboard's means, and multi_turn in
its simulators."""

import asyncio
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from helpers.paths import SHARED_DATA

from swiftkit.environments.rollout import play
from swiftkit.errors import DataError, UsageError
from swiftkit.evals.stats import summarize
from swiftkit.evals.tasks import bfcl
from swiftkit.records import Response, Sample, Score
from swiftkit.toolcall.call import ToolCall

FOLDER = SHARED_DATA / "bfcl"
needs_data = pytest.mark.skipif(
    not FOLDER.is_dir(),
    reason=f"no BFCL in {FOLDER}: set SWIFTKIT_SHARED_DATA to the folder of bfcl/",
)
needs_package_data = pytest.mark.skipif(
    importlib.util.find_spec("bfcl_eval") is None,
    reason="no bfcl-eval beside swiftkit: bash scripts/setup.sh",
)
SINGLE = ("simple_python", "multiple", "parallel", "parallel_multiple", "irrelevance")
PACKAGE = importlib.util.find_spec("bfcl_eval")
PACKAGE_DATA = (
    Path(next(iter((PACKAGE and PACKAGE.submodule_search_locations) or ["/none"]))) / "data"
)
LIVE = (
    "live_simple",
    "live_multiple",
    "live_parallel",
    "live_parallel_multiple",
    "live_irrelevance",
    "live_relevance",
)
# Of 3,641 questions those whose gold BFCL's own checker finds wrong: required parameters without an
# acceptable value or without any gold, a parameter that the schema lacks, lists of mixed types in
# Java, an object's value that is no list.
BEYOND_BFCL = {
    "live_simple_106-63-0", "live_simple_112-68-0", "live_multiple_862-181-3", "live_multiple_964-207-0",
    "simple_java_36", "simple_java_64", "simple_java_65",
}  # fmt: skip


def gold(sample: Sample) -> Response:
    """The first acceptable value of each parameter, but of those that are better left out."""
    functions = {each["name"]: each["parameters"] for each in sample.target.function}
    calls = []
    for call in sample.target.ground_truth or []:
        for name, parameters in call.items():
            required, schemas = functions[name].get("required", []), functions[name]["properties"]
            known = {key: values for key, values in parameters.items() if values}
            first = {
                key: plain(known[key]) for key in known if key in required or "" not in known[key]
            }
            calls.append(
                ToolCall(
                    name, {key: written(first[key], schemas.get(key, {}), sample) for key in first}
                )
            )
    if sample.meta["category"] == "live_relevance":
        calls = [ToolCall(sample.target.function[0]["name"], {})]
    return Response(sample.id, tool_calls=calls or None)


def plain(options: Any) -> Any:
    """The first of some acceptable values; the values of an object are lists of them again."""
    if not isinstance(options, list):
        return options
    value = next((each for each in options if each != ""), "")
    if isinstance(value, dict):
        return {
            key: plain(each)
            for key, each in value.items()
            if not isinstance(each, list) or "" not in each
        }
    return [plain([item]) for item in value] if isinstance(value, list) else value


def written(value: Any, schema: dict[str, Any], sample: Sample) -> Any:
    """As a literal, where the category wants one."""
    if sample.target.language == "python":
        return value
    if isinstance(value, str):
        return value
    if sample.target.language == "javascript":
        return json.dumps(value) + ("n" if schema.get("type") == "Bigint" else "")
    return java(value, schema.get("type", ""), schema.get("items", {}).get("type", ""))


def java(value: Any, kind: str, item_kind: str = "") -> str:
    """A literal of Java."""
    suffix = {"long": "L", "float": "f"}.get(kind, "")
    if isinstance(value, list):
        bare = kind == "Array" and item_kind == "String"  # BFCL keeps the quotes there
        items = ", ".join(str(item) if bare else java(item, item_kind) for item in value)
        return (
            f"new int[]{{{items}}}"
            if kind == "Array"
            else f"new ArrayList<Integer>(Arrays.asList({items}))"
        )
    if isinstance(value, dict):
        puts = " ".join(f"put({json.dumps(key)}, {java(item, '')});" for key, item in value.items())
        return f"new HashMap<String, Object>() {{{{ {puts} }}}}"
    return json.dumps(value) + suffix


@needs_data
@pytest.mark.parametrize("category", SINGLE)
def test_the_gold_scores_100_percent_in_each_category(category: str) -> None:
    """And a wrong name, silence or a malformed answer scores nothing (but where no call is
    wanted)."""
    samples = bfcl.load(FOLDER / f"BFCL_v4_{category}.json")
    assert [sample.id for sample in samples if not bfcl.score(sample, gold(sample)).exact] == []
    wanted = category != "irrelevance"
    wrong = Response("x", tool_calls=[ToolCall("no_such_tool", {})])
    assert not any(bfcl.score(sample, wrong).exact for sample in samples)
    for text in ("I cannot.", '<tool_call>\n{"name"'):
        assert all(
            bfcl.score(sample, Response("x", text=text)).exact != wanted for sample in samples
        )


@needs_package_data
@pytest.mark.parametrize("category", [*SINGLE, *LIVE, "simple_java", "simple_javascript"])
def test_the_gold_of_the_package_scores_100_percent_in_each_category(category: str) -> None:
    """All of the leaderboard's single-turn questions, as bfcl-eval brings them."""
    samples = bfcl.load(PACKAGE_DATA / f"BFCL_v4_{category}.json")
    wrong = {sample.id for sample in samples if not bfcl.score(sample, gold(sample)).exact}
    assert wrong == {sample.id for sample in samples} & BEYOND_BFCL
    assert not any(
        bfcl.score(each, Response("x", text="")).exact
        for each in samples
        if "irrelevance" not in category
    )


def test_the_leaderboards_means() -> None:
    """Unweighted, weighted, and absent where a category is missing; by hand."""
    shares = {
        "simple_python": (8, 10), "simple_java": (1, 2), "simple_javascript": (1, 4), "multiple": (3, 4),
        "parallel": (1, 2), "parallel_multiple": (0, 5), "live_simple": (9, 10), "live_multiple": (1, 10),
        "live_parallel": (0, 1), "live_parallel_multiple": (2, 4), "irrelevance": (1, 1), "live_irrelevance": (1, 2),
        "live_relevance": (1, 4),
    }  # fmt: skip
    results = [
        (
            Sample(f"{name}_{number}", [], [], None, {"category": name}),
            0,
            Score(float(number < right), number < right),
        )
        for name, (right, size) in shares.items()
        for number in range(size)
    ]
    found = {name: each.value for name, each in summarize(bfcl.metrics(results)).items()}
    simple = (0.8 + 0.5 + 0.25) / 3
    non_live, live, without = (simple + 0.75 + 0.5 + 0) / 4, 12 / 25, 0.75
    assert found["non_live_ast"] == pytest.approx(non_live)
    assert found["live_ast"] == pytest.approx(live)
    assert (found["irrelevance"], found["relevance"]) == (0.75, 0.25)
    assert found["overall_single_turn"] == pytest.approx((non_live + live + without) / 3)
    assert found["accuracy"] == pytest.approx(29 / 59)
    assert found["accuracy[simple_java]"] == 0.5
    turns = [
        (Sample(f"{n}_0", [], [], None, {"category": n}), 0, Score(1.0, True))
        for n in bfcl._MULTI_TURNS
    ]
    both = {name: each.value for name, each in summarize(bfcl.metrics(results + turns)).items()}
    assert both["overall_without_agentic"] == pytest.approx((non_live + live + without + 3) / 6)
    assert "non_live_ast" not in summarize(bfcl.metrics(results[1:10] + turns))


def write(folder: Path, *rows: Any) -> Path:
    file = folder / "BFCL_v4_x.json"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


QUESTION = [[{"role": "user", "content": "q"}]]
FUNCTION = {"name": "f", "description": "d", "parameters": {"type": "dict", "properties": {
    "x": {"type": "HashMap", "description": "m"}}, "required": ["x"]}}  # fmt: skip


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"id": "simple_python_0", "question": QUESTION, "function": [FUNCTION]}, "no_gold"),
        (
            {"id": "simple_python_0", "question": "q", "function": [FUNCTION], "ground_truth": []},
            "no_question",
        ),
        ({"id": "memory_0", "question": QUESTION, "ground_truth": ["x"]}, "unsupported_category"),
        (
            {
                "id": "simple_python_0",
                "question": QUESTION,
                "function": [FUNCTION],
                "ground_truth": [3],
            },
            "bad_gold",
        ),
        ({"id": "multi_turn_base_0", "question": QUESTION, "ground_truth": [[]]}, "bad_gold"),
    ],
)
def test_a_row_that_cannot_be_asked_is_named(tmp_path: Path, row: Any, code: str) -> None:
    """File and line, and what to do."""
    with pytest.raises(DataError, match=r"BFCL_v4_x\.json:1: ") as caught:
        bfcl.load(write(tmp_path, row))
    assert caught.value.code == code


def test_any_call_is_right_in_live_relevance_and_java_is_asked_as_literals(tmp_path: Path) -> None:
    """Categories that the converter cannot give a gold."""
    relevance = {"id": "live_relevance_0-0-0", "question": QUESTION, "function": [FUNCTION]}
    java = {
        "id": "simple_java_0",
        "question": QUESTION,
        "function": [FUNCTION],
        "ground_truth": [{"f": {"x": [""]}}],
    }
    first, second = bfcl.load(write(tmp_path, relevance, java))
    assert bfcl.score(first, Response("x", tool_calls=[ToolCall("g", {})])).exact
    assert not bfcl.score(first, Response("x", text="no")).exact
    described = second.tools[0]["function"]["parameters"]["properties"]["x"]
    assert (described["type"], described["description"]) == (
        "string",
        "m (Java 8 HashMap, as a literal)",
    )


def test_multi_turn_without_the_package_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is asked."""
    row = {
        "id": "multi_turn_base_0",
        "question": QUESTION,
        "ground_truth": [[]],
        "initial_config": {},
        "involved_classes": [],
    }
    monkeypatch.setenv("SWIFTKIT_BFCL_PYTHON", str(tmp_path / "none"))
    with pytest.raises(UsageError, match="SWIFTKIT_BFCL_PYTHON"):
        bfcl.load(write(tmp_path, row))


def multi_turn(category: str, number: int) -> Sample:
    samples = bfcl.load(PACKAGE_DATA / f"BFCL_v4_multi_turn_{category}.json")
    return next(sample for sample in samples if sample.id == f"multi_turn_{category}_{number}")


def calls_of(truth: list[str], tools: list[dict[str, Any]]) -> list[ToolCall]:
    from swiftkit.data.converters.bfcl import parse_call

    names = {
        tool["function"]["name"]: list(tool["function"]["parameters"]["properties"])
        for tool in tools
    }
    made = []
    for text in truth:
        name, values, named = parse_call(text)
        made.append(ToolCall(name, dict([*zip(names[name], values, strict=False), *named])))
    return made


def asked(sample: Sample, answer: Any) -> Response:
    """The response of a conversation whose each request `answer(turn, messages, tools)` answers
    with calls."""

    async def ask(messages: list[dict[str, Any]], tools: list[dict[str, Any]]) -> Response:
        turn = sum(message["role"] == "user" for message in messages) - 1
        return Response(sample.id, tool_calls=answer(turn, messages, tools) or None)

    episode = bfcl.episode(sample)
    assert episode is not None
    return asyncio.run(play(episode, ask))


@needs_package_data
@pytest.mark.parametrize(
    ("category", "number"),
    [
        ("base", 0),
        ("base", 60),
        ("base", 199),
        ("miss_func", 3),
        ("miss_param", 120),
        ("long_context", 7),
    ],
)
def test_the_gold_of_multi_turn_is_right_in_the_simulators(category: str, number: int) -> None:
    """Real states of real simulators; the same calls but for the last turn's are wrong."""
    sample = multi_turn(category, number)
    truth = sample.target.config["truth"]

    def answer(
        turn: int, messages: list[dict[str, Any]], tools: list[dict[str, Any]]
    ) -> list[ToolCall]:
        return [] if messages[-1]["role"] == "tool" else calls_of(truth[turn], tools)

    response = asked(sample, answer)
    assert response.verdict == "valid"
    assert bfcl.score(sample, response).exact
    assert sum(len(step.results) for step in response.steps) == sum(map(len, truth))
    lazy = asked(
        sample,
        lambda turn, messages, tools: (
            [] if turn == len(truth) - 1 else answer(turn, messages, tools)
        ),
    )
    assert bfcl.score(sample, lazy).reason.startswith("multi_turn:")


@needs_package_data
def test_what_a_model_writes_is_not_evaluated() -> None:
    """Names that are code, builtins and parameters that are code fail as calls; a model that never
    stops is stopped."""
    sample = multi_turn("base", 0)
    hostile = [
        ToolCall("__import__('os').system", {"command": "touch /tmp/owned"}),
        ToolCall("open", {"file": "/etc/passwd"}),
        ToolCall("cd", {"folder=open('/etc/passwd').read(), x": 1}),
        ToolCall("cd", {"folder": "'+open('/etc/passwd').read()+'"}),
    ]
    response = asked(sample, lambda *_: hostile)
    assert response.verdict == "multi_turn:force_terminated"
    assert len(response.steps) == 21
    assert all("root:" not in result for step in response.steps for result in step.results)
    assert ["no_such_function" in result for result in response.steps[0].results[:3]] == [True] * 3
