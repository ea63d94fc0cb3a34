r"""Results of tau2-bench and tau3: simulations of a user, an agent and its tools.

Source: https://github.com/sierra-research/tau2-bench (data_model/simulation.py, message.py), the
files that `tau2 run` writes to data/simulations/. A real file, shortened:

    {"timestamp": "2026-01-02T03:04:09", "tasks": [{"id": "0", ...}],
     "info": {"environment_info": {"domain_name": "telecom", "policy": "# Telecom Policy ...",
                                   "tool_defs": null}, "agent_info": {...}, ...},
     "simulations": [{"id": "5d3b", "task_id": "0", "trial": 0, "termination_reason": "user_stop",
       "reward_info": {"reward": 1.0, ...}, "messages": [
         {"role": "assistant", "content": "Hi! How can I help you today?", "tool_calls": null},
         {"role": "user", "content": "My phone has no service.", "tool_calls": null},
         {"role": "assistant", "content": null, "tool_calls": [{"id": "c1",
          "name": "get_customer_by_phone", "arguments": {"phone_number": "555-123-2002"},
          "requestor": "assistant"}]},
         {"role": "tool", "id": "c1", "content": "{...}", "requestor": "assistant", "error": false},
         {"role": "assistant", "content": "Please look at the status bar.", "tool_calls": null},
         {"role": "user", "content": null, "tool_calls": [{"id": "u1", "requestor": "user",
          "name": "check_status_bar", "arguments": {}}]},
         {"role": "tool", "id": "u1", "content": "No signal", "requestor": "user", "error": false},
         {"role": "user", "content": "It says no signal. ###STOP###", "tool_calls": null}]}]}

Each simulation is a row, also one alone, and one of the newer layout, where results.json has a
simulation_index and each simulation is a file of the folder simulations/ beside it. The policy is
the system text. The user's own calls and their results are left out, as tau2's agents never see
them (is_valid_agent_history_message); so are the simulator's marks, a greeting before the user's
first words, and what stands after the last answer. A reward below 0.99 makes the label "false". A
run that was stopped by its user or by a fault outside of the agent says nothing about the agent:
failed_run. In a run without a user (solo mode) the task's ticket is the question. Tools are read
where the file has them (tool_defs).
"""

from collections.abc import Iterable
from typing import Any

from swiftkit.data.from_openai import messages_of
from swiftkit.data.json_values import field, items, listed
from swiftkit.data.messages import placed
from swiftkit.data.roles import ANSWERS
from swiftkit.data.rows import make_row
from swiftkit.data.simulated_user import (
    NOT_THE_AGENTS_FAULT,
    SUCCESS,
    from_first_words_to_last_answer,
)
from swiftkit.errors import DataError
from swiftkit.records import Row

ORDER = 215
LIST_COLUMN = "simulations"
READS = {
    "": (
        "messages task_id trial reward_info termination_reason skipped policy ticks info_of_run"
        " ticket"
        " -results -id -timestamp -start_time -end_time -duration -agent_cost -user_cost"
        " -agent_usage -seed -mode -speech_environment -review -user_only_review -info"
        " -auth_classification -hallucination_retries_used -hallucination_check"
        " -provider_session_id -effect_timeline simulations simulation_index -tasks"
    ),
    "messages[]": (
        "role content tool_calls id requestor tool_messages is_audio"
        " -error -turn_idx -timestamp -cost -usage -raw_data -generation_time_seconds"
        " -audio_format -audio_path -audio_script_gold -speech_effects -source_effects"
        " -channel_effects -turn_taking_action -utterance_ids -chunk_id -is_final_chunk -source"
        " -contains_speech"
    ),
    "messages[].tool_calls[]": "id name arguments requestor",
}


def holds_list(record: dict[str, Any]) -> bool:
    has_simulations = isinstance(record.get("simulations"), list)
    has_index = isinstance(record.get("simulation_index"), list)
    return isinstance(record.get("info"), dict) and (has_simulations or has_index)


def record_of(record: dict[str, Any], item: Any) -> dict[str, Any]:
    """Return a simulation, with what the file says about all of them."""
    simulation = {"task_id": None, "termination_reason": None, "messages": item}
    if isinstance(item, dict):  # what is none has no reward, so that it is refused
        simulation = item
    ticket = None
    for task in items(record.get("tasks")):
        if field(task, "id") == simulation.get("task_id"):
            ticket = field(task, "ticket")
    return {**simulation, "info_of_run": record["info"], "ticket": ticket}


def files_beside(record: dict[str, Any]) -> dict[str, list[str]]:
    index = record.get("simulation_index")
    if not isinstance(index, list):
        return {"results": ["../simulations/../results.json"]}
    names = []
    for entry in index:
        name = field(entry, "id")
        if isinstance(name, str) and "/" not in name:
            names.append(f"simulations/{name}.json")
    return (
        {"simulations": names} if "simulations" not in record and len(names) == len(index) else {}
    )


def matches(record: dict[str, Any]) -> bool:
    if holds_list(record):
        return True
    return "task_id" in record and "termination_reason" in record and "messages" in record


def convert(record: dict[str, Any]) -> Iterable[Row]:
    if holds_list(record):
        if not record.get("simulations"):
            reason = "no simulations in this file, or not all of them in the folder simulations/"
            fix = "keep results.json beside its folder simulations/"
            raise DataError(reason, "no_messages", fix)
        for item in record["simulations"]:
            yield _row(record_of(record, item))
    else:
        yield _row(record)


def _row(simulation: dict[str, Any]) -> Row:
    reason = simulation.get("termination_reason")
    if reason in NOT_THE_AGENTS_FAULT or simulation.get("skipped") is True:
        problem = f"the run says nothing about the agent: it ended with {reason}"
        raise DataError(problem, "failed_run", "run the task again")
    reward = field(simulation.get("reward_info"), "reward")
    if not isinstance(reward, int | float):
        fix = "let tau2 evaluate the run (tau2 evaluate-trajs)"
        raise DataError("the run has no reward", "no_reward", fix)
    messages = simulation.get("messages")
    if messages is None and simulation.get("ticks"):
        problem = "a voice run: it has ticks of audio in place of messages"
        raise DataError(problem, "unsupported_media", "use the runs of text (half_duplex)")
    environment = _environment(simulation)
    columns = {
        "system": simulation.get("policy") or field(environment, "policy"),
        "tools": _tools(field(environment, "tool_defs")),
    }
    seen, numbers = _agents_view(messages)
    read = messages_of(seen, "messages", numbers)
    ticket = simulation.get("ticket")
    if isinstance(ticket, str) and all(message["role"] != "user" for message in read):
        read.insert(0, placed({"role": "user", "content": ticket}, "ticket"))
    conversation = from_first_words_to_last_answer(read)
    if conversation[-1:] and conversation[-1]["role"] not in ANSWERS:
        problem = f"the run ended before the agent answered the user ({reason})"
        raise DataError(problem, "no_answer", "leave it out, or run the task again")
    row = make_row(conversation, columns, ())
    trial = simulation.get("trial") or 0
    row["id"] = f"task_{simulation.get('task_id')}_trial_{trial}"
    row["label"] = "true" if reward >= SUCCESS else "false"
    return row


def _environment(simulation: dict[str, Any]) -> Any:
    """Return what is known of the environment: from the file around the simulation, or from the
    results.json that lists it."""
    for results in items(simulation.get("results")):
        names = [field(entry, "id") for entry in items(field(results, "simulation_index"))]
        if simulation.get("id") in names:
            return field(field(results, "info"), "environment_info")
    return field(simulation.get("info_of_run"), "environment_info")


def _tools(signatures: Any) -> list[dict[str, Any]]:
    tools = []
    for signature in signatures.values() if isinstance(signatures, dict) else []:
        parameters = field(signature, "params")
        tool = {"name": field(signature, "name"), "description": field(signature, "doc")}
        tools.append(tool | {"parameters": parameters or {}})
    return tools


def _agents_view(messages: Any) -> tuple[Any, list[int]]:
    """Return the messages that the agent sees, in OpenAI's form, and their places."""
    if not isinstance(messages, list):
        return messages, []
    seen: list[Any] = []
    numbers: list[int] = []
    for number, message in enumerate(messages):
        # the results of one answer may be one message
        for part in listed(field(message, "tool_messages") or message):
            if field(part, "is_audio"):
                problem = f"messages[{number}] is audio"
                raise DataError(problem, "unsupported_media", "use the runs of text")
            if _is_users_own(part) or _is_stop(part):
                continue
            if field(part, "role") == "tool":
                part = {**part, "tool_call_id": part.get("id") or None}
            seen.append(part)
            numbers.append(number)
    return seen, numbers


def _is_stop(message: Any) -> bool:
    """Return whether the agent says no more than that it is done, as it does in solo mode."""
    is_answer = field(message, "role") == "assistant"
    return is_answer and bool(field(message, "content") == "###STOP###")


def _is_users_own(message: Any) -> bool:
    """Return whether it is a call of the user's tools, or the result of one."""
    if field(message, "role") == "user":
        return bool(field(message, "tool_calls"))
    is_result = field(message, "role") == "tool"
    return is_result and bool(field(message, "requestor") == "user")
