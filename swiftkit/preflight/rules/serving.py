"""Ports, servers, exports and evaluations."""

import importlib.util
import socket

from swiftkit.recipe.machine import free_port
from swiftkit.recipe.recipe import Findings, Recipe, whole_number


def port_in_use(recipe: Recipe) -> Findings:
    """swift moves on from a port in use, and every client asks the wrong server."""
    value = whole_number(recipe.get_str("port"))
    if not recipe.is_set("port") or value is None or _can_bind(value):
        return
    message = f"{value} was closed a moment ago, the system frees it within a minute"
    with socket.socket() as client:
        client.settimeout(1)
        if 0 < value < 65536 and client.connect_ex(("127.0.0.1", value)) == 0:
            message = f"{value} is in use"
    yield recipe.fail("port", message, f"wait, stop what uses it, or write --port {free_port()}")


def master_port_in_use(recipe: Recipe) -> Findings:
    """Another training on this machine uses MASTER_PORT."""
    port = whole_number(recipe.environment.get("MASTER_PORT", ""))
    is_first = recipe.environment.get("NODE_RANK", "0") == "0"
    listens = recipe.trains and recipe.processes > 1 and is_first
    if listens and port is not None and not _can_bind(port):
        fix = f"set MASTER_PORT={free_port()}, or leave it to recipes/*.sh"
        yield recipe.fail("MASTER_PORT", f"{port} is in use", fix)


def open_server(recipe: Recipe) -> Findings:
    """A server without a key is open to every machine."""
    everywhere = recipe.is_set("host") and recipe.get_str("host") in ("0.0.0.0", "::")  # noqa: S104
    if recipe.verb in ("deploy", "app") and everywhere and not recipe.is_set("api_key"):
        message = "everybody who reaches this machine may ask it, without a key"
        yield recipe.warn("host", message, "write 127.0.0.1, or put a proxy with a key before it")


def one_at_a_time(recipe: Recipe) -> Findings:
    """A server answers one request at a time, which is swift's default."""
    flag = "max_batch_size"
    is_transformers = recipe.get_str("infer_backend") in ("transformers", "pt")
    if recipe.verb == "deploy" and is_transformers and recipe.get_int(flag, 1) == 1:
        message = "1 answers one request after the other, at any load"
        yield recipe.warn(flag, message, "add --max_batch_size 32", max_batch_size=["32"])


def old_backend_name(recipe: Recipe) -> Findings:
    """infer_backend pt is the old name of transformers."""
    flag = "infer_backend"
    if recipe.get_str(flag) == "pt":
        message = "pt is the old name of transformers"
        yield recipe.warn(flag, message, "write transformers", infer_backend=["transformers"])


def streamed_file(recipe: Recipe) -> Findings:
    """stream answers a file one row at a time, and several processes refuse it."""
    streams = recipe.is_set("stream") and recipe.get_bool("stream")
    if recipe.verb == "infer" and streams and recipe.is_set("val_dataset"):
        yield recipe.warn("stream", "answers a file one row at a time")


def kept_columns(recipe: Recipe) -> Findings:
    """remove_unused_columns false crashes swift infer."""
    flag = "remove_unused_columns"
    if recipe.verb == "infer" and recipe.is_set(flag) and not recipe.get_bool(flag):
        yield recipe.fail(flag, "false crashes swift infer")


def ollama_penalty(recipe: Recipe) -> Findings:
    """Ollama refuses the `repeat_penalty None` of to_ollama without repetition_penalty."""
    if recipe.get_bool("to_ollama") and not recipe.is_set("repetition_penalty"):
        message = "the Modelfile would say `PARAMETER repeat_penalty None`"
        fix = "add --repetition_penalty 1.0"
        yield recipe.fail("to_ollama", message, fix, repetition_penalty=["1.0"])


def broken_eval(recipe: Recipe) -> Findings:
    """swift eval of 4.6.0 needs OpenCompass for every backend."""
    if recipe.verb != "eval" or not recipe.machine.has_swift:
        return
    if importlib.util.find_spec("opencompass") is None:
        message = "swift eval of 4.6.0 imports opencompass for every backend"
        fix = "use `swiftkit eval`, or `evalscope eval` against `swift deploy`"
        yield recipe.fail("eval_backend", f"{message}, and it is not installed", fix)


def rollout_limits(recipe: Recipe) -> Findings:
    """swift rollout refuses pipeline parallelism and a reasoning parser."""
    if recipe.verb != "rollout":
        return
    message = "swift rollout refuses it"
    if recipe.get_int("vllm_pipeline_parallel_size", 1) > 1:
        fix = "write --vllm_tensor_parallel_size"
        yield recipe.fail("vllm_pipeline_parallel_size", message, fix)
    if recipe.is_set("vllm_reasoning_parser"):
        yield recipe.fail("vllm_reasoning_parser", message)


def _can_bind(port: int) -> bool:
    """Try as swift does (swift/utils/utils.py, find_free_port), but this port only."""
    with socket.socket() as server:
        try:
            server.bind(("", port))
        except (OSError, OverflowError):
            return False
    return True
