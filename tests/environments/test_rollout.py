"""An episode against a scripted model: what is sent, what is kept, and how it ends."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from swiftkit import environments
from swiftkit.environments.environment import AgentTask, domain_names, load_domain
from swiftkit.environments.rollout import Episode, play
from swiftkit.errors import UsageError
from swiftkit.records import Response
from swiftkit.toolcall import detect
from swiftkit.toolcall.call import ToolCall

TOOLS = [{"type": "function", "function": {"name": "get", "description": "", "parameters": {}}}]
QUESTION = [{"role": "user", "content": "Where is K1?"}]
GET = ToolCall("get", {"id": "K1"})
CONFIG = {
    "tools": TOOLS,
    "messages": QUESTION,
    "recorded": [
        {"name": "get", "arguments": {"id": "K1"}, "result": "open"},
        {"name": "get", "arguments": {"id": "K1"}, "result": "sent"},
    ],
}
# A domain of somebody else, as one file: it counts, with a user who speaks once, and it may fail.
COUNTER = '''
"""A counter."""
from swiftkit.environments.environment import Domain, EnvironmentFailedError, Reward, Turn


class Counter:
    def __init__(self, task, seed):
        self.tools = []
        self.count = task.config.get("start", 0) + seed
        self.log = task.config["log"]

    def reset(self):
        return Turn([{"role": "user", "content": "count"}], "agent")

    def step(self, parsed, by="agent"):
        self.count += 1
        if parsed.content == "fail":
            raise EnvironmentFailedError("the counter is broken")
        if parsed.content == "user":
            return Turn([], "user")
        if self.count == 3:
            return Turn([], "end", "counted")
        return Turn([{"role": "user", "content": str(self.count)}], "agent")

    def reward(self):
        return Reward(self.count / 3, f"counted to {self.count}")

    def close(self):
        self.log.append("closed")


DOMAIN = Domain(lambda task, seed: Counter(task, seed), blocks=True)
'''


def parse(text: str, _: Any) -> Any:
    return detect.parse(text)


def run(
    task: AgentTask, script: Callable[[list[Any]], Response], most: int = 9, seed: int = 0
) -> tuple[Response, list[list[Any]]]:
    """Return the response of an episode, and the messages of each request."""
    requests: list[list[Any]] = []

    async def ask(messages: list[Any], _: list[Any]) -> Response:
        requests.append(list(messages))
        return script(messages)

    return asyncio.run(play(Episode(task, parse, most), ask, seed)), requests


def answer(text: str = "", *calls: ToolCall, **more: Any) -> Response:
    return Response("x", text=text, tool_calls=list(calls) or None, **more)


def test_play_hands_calls_to_the_environment_and_results_to_the_model() -> None:
    """Ids tie results to calls; markup is not sent back; the response has all steps and sums."""
    markup = 'Let me see.<tool_call>\n{"name": "get", "arguments": {"id": "K1"}}\n</tool_call>'
    script = [
        answer(markup, GET, usage={"total_tokens": 3}, latency=1.0),
        answer("", GET, GET, usage={"total_tokens": 4}, latency=0.5),
        answer("Sent.", usage={"total_tokens": 5}, latency=0.25),
    ]
    task = AgentTask("x", "recorded", CONFIG)
    response, requests = run(task, lambda _: script.pop(0))
    assert [step.results for step in response.steps] == [["open"], ["sent", "sent"], []]
    assert (response.text, response.usage, response.latency) == (
        "Sent.",
        {"total_tokens": 12},
        1.75,
    )
    assert requests[0] == QUESTION
    first, result = requests[1][1:]
    assert (first["content"], result["content"]) == ("Let me see.", "open")
    assert first["tool_calls"][0]["id"] == result["tool_call_id"]
    ids = [message["tool_call_id"] for message in requests[2] if message["role"] == "tool"]
    assert len(set(ids)) == 3


@pytest.mark.parametrize("key", ["reasoning", "reasoning_content"])
def test_play_sends_reasoning_back_as_it_came(key: str) -> None:
    """Under the endpoint's own key, beside calls and beside a text; the journal has it, too."""
    given: dict[str, Any] = {"reasoning": "I look.\n", "reasoning_key": key}
    script = [answer("", GET, **given), answer("Wait.", GET, **given), answer("Sent.", **given)]
    response, requests = run(AgentTask("x", "recorded", CONFIG), lambda _: script.pop(0))
    sent = [message for message in requests[-1] if message["role"] == "assistant"]
    assert [(message[key], message["content"]) for message in sent] == [
        ("I look.\n", ""),
        ("I look.\n", "Wait."),
    ]
    assert [step.reasoning for step in response.steps] == ["I look.\n"] * 3


MARKUP = '<tool_call>\n{"name": "get", "arguments": {"id": "K1"}}\n</tool_call>'
ANALYSIS = "<|channel|>analysis<|message|>I look.<|end|><|start|>assistant"


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        (f"<think>\nI look.\n</think>\n\n{MARKUP}", {"content": "<think>\nI look.\n</think>\n\n"}),
        (f"I look.\n</think>\n\nWait.{MARKUP}", {"content": "<think>\nI look.\n</think>\n\nWait."}),
        (
            f'{ANALYSIS} to=functions.get<|channel|>commentary json<|message|>{{"id": "K1"}}<|call|>',
            {"content": "", "reasoning_content": "I look."},
        ),
    ],
)
def test_play_sends_reasoning_in_a_text_back(text: str, sent: dict[str, str]) -> None:
    """Of a server that parses nothing: in the text where templates find it, else beside it."""
    script = [answer(text), answer("Sent.")]
    _, requests = run(AgentTask("x", "recorded", CONFIG), lambda _: script.pop(0))
    (message,) = [message for message in requests[-1] if message["role"] == "assistant"]
    assert {key: message.get(key) for key in sent} == sent


def test_play_stops_after_the_last_answer_that_is_allowed() -> None:
    """The calls of that answer are run, but it is not asked again."""
    task = AgentTask("x", "recorded", CONFIG)
    response, requests = run(task, lambda _: answer("", GET), most=2)
    assert (len(requests), len(response.steps)) == (2, 2)
    assert response.steps[-1].results == ["sent"]


def test_play_failed_request_ends_the_episode_with_its_error() -> None:
    """Also in the middle: an episode that was not asked to its end has no score."""
    task = AgentTask("x", "recorded", CONFIG)
    script = [answer("", GET), answer(error="HTTP 500")]
    response, _ = run(task, lambda _: script.pop(0))
    assert response.error == "HTTP 500"


def test_play_sends_calls_back_without_lone_surrogates() -> None:
    """A model writes one as an escape; the endpoint's tokenizer could not take it."""
    task = AgentTask("x", "recorded", CONFIG)
    markup = '<tool_call>\n{"name": "get", "arguments": {"id": "\\ud835"}}\n</tool_call>'
    script = [answer(markup), answer("Sorry.")]
    response, requests = run(task, lambda _: script.pop(0))
    assert (response.text, response.error) == ("Sorry.", "")
    (call,) = requests[1][1]["tool_calls"]
    assert call["function"]["arguments"] == '{"id":"\ufffd"}'


def test_play_malformed_answer_ends_the_episode() -> None:
    """No environment can answer a call that nobody can read."""
    task = AgentTask("x", "recorded", CONFIG)
    response, requests = run(task, lambda _: answer('<tool_call>\n{"name": "get"'))
    assert (len(requests), response.steps[-1].results) == (1, [])


def test_recorded_unknown_call_is_an_error_for_the_model() -> None:
    script = [answer("", ToolCall("get", {"id": "K2"}), GET), answer("No.")]
    task = AgentTask("x", "recorded", CONFIG)
    response, _ = run(task, lambda _: script.pop(0))
    assert ["error" in result for result in response.steps[0].results] == [True, False]


def test_play_calls_that_cannot_be_sent_back_end_the_episode() -> None:
    """Arguments nested so deeply that no JSON can hold them are malformed, and no exception."""
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    task = AgentTask("x", "recorded", CONFIG)
    response, requests = run(task, lambda _: answer("", ToolCall("get", {"id": deep})))
    assert (len(requests), response.error, response.steps[0].results) == (1, "", [])


@pytest.fixture
def counter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A domain from outside, put beside those of the package; the log of its environments."""
    (tmp_path / "counter.py").write_text(COUNTER, encoding="utf-8")
    monkeypatch.setattr(environments, "__path__", [*environments.__path__, str(tmp_path)])
    return []


def test_a_domain_is_one_file(counter: list[str]) -> None:
    """It is found, started with its seed, stepped in a thread, judged and closed."""
    assert "counter" in domain_names()
    task = AgentTask("x", "counter", {"log": counter})
    response, requests = run(task, lambda _: answer("go on"), seed=1)
    assert (len(requests), response.verdict, counter) == (2, "counted to 3", ["closed"])
    assert requests[1][1:] == [
        {"role": "assistant", "content": "go on"},
        {"role": "user", "content": "2"},
    ]


@pytest.mark.parametrize(
    ("text", "error"), [("fail", "the counter is broken"), ("user", "counter: nobody plays")]
)
def test_environment_that_fails_gives_no_score(counter: list[str], text: str, error: str) -> None:
    """An error of its own is no wrong answer of the model; it is closed all the same."""
    task = AgentTask("x", "counter", {"log": counter})
    response, _ = run(task, lambda _: answer(text))
    assert error in response.error
    assert counter == ["closed"]


def test_cancelled_episode_closes_its_environment(counter: list[str]) -> None:
    """Ctrl-C in the middle of a request."""

    async def never(*_: list[Any]) -> Response:
        task = asyncio.current_task()
        assert task
        task.cancel()
        await asyncio.sleep(600)
        raise AssertionError

    episode = Episode(AgentTask("x", "counter", {"log": counter}), parse)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(play(episode, never))
    assert counter == ["closed"]


def test_unknown_domain_names_those_that_are_there() -> None:
    with pytest.raises(UsageError) as caught:
        load_domain("nothing")
    assert all(name in str(caught.value) for name in ("bfcl", "python-tools", "recorded"))
