"""Ports, servers, exports and evaluations."""

import importlib.util
import socket
from collections.abc import Iterator

from swiftkit.recipe.recipe import Fault, Recipe


def port_in_use(recipe: Recipe) -> Iterator[Fault]:
    """A port that is in use: swift moves to the next one, and every client asks the wrong
    server."""
    value = recipe.text("port") if recipe.says("port") else ""
    if value.isdigit() and not _can_bind(int(value)):
        reason = (
            "is in use"
            if _answers(int(value))
            else "was closed a moment ago, the system frees it within a minute"
        )
        yield recipe.fail(
            "port", f"{value} {reason}", f"wait, stop what uses it, or write --port {_free_port()}"
        )


def master_port_in_use(recipe: Recipe) -> Iterator[Fault]:
    """MASTER_PORT in use by another training on this machine."""
    value = recipe.environment.get("MASTER_PORT", "")
    here = recipe.environment.get("NODE_RANK", "0") == "0"
    if (
        recipe.trains
        and recipe.processes > 1
        and here
        and value.isdigit()
        and not _can_bind(int(value))
    ):
        yield recipe.fail(
            "MASTER_PORT",
            f"{value} is in use",
            f"set MASTER_PORT={_free_port()}, or leave it to recipes/*.sh",
        )


def open_server(recipe: Recipe) -> Iterator[Fault]:
    """A server that is open to every machine, without a key."""
    everywhere = recipe.says("host") and recipe.text("host") in ("0.0.0.0", "::")  # noqa: S104
    if recipe.verb in ("deploy", "app") and everywhere and not recipe.says("api_key"):
        message = "everybody who reaches this machine may ask it, without a key"
        yield recipe.warn("host", message, "write 127.0.0.1, or put a proxy with a key before it")


def one_at_a_time(recipe: Recipe) -> Iterator[Fault]:
    """A server that answers one request at a time: swift's default."""
    batch = recipe.whole("max_batch_size", 1)
    if (
        recipe.verb == "deploy"
        and recipe.text("infer_backend") in ("transformers", "pt")
        and batch == 1
    ):
        message = "1 answers one request after the other, at any load"
        yield recipe.warn(
            "max_batch_size", message, "add --max_batch_size 32", max_batch_size=["32"]
        )


def old_backend_name(recipe: Recipe) -> Iterator[Fault]:
    """infer_backend pt, the old name of transformers."""
    if recipe.text("infer_backend") == "pt":
        message = "pt is the old name of transformers"
        yield recipe.warn(
            "infer_backend", message, "write transformers", infer_backend=["transformers"]
        )


def streamed_file(recipe: Recipe) -> Iterator[Fault]:
    """stream for answers to a file: one row at a time, and several processes refuse it."""
    if (
        recipe.verb == "infer"
        and recipe.true("stream")
        and recipe.says("stream")
        and recipe.says("val_dataset")
    ):
        yield recipe.warn("stream", "answers a file one row at a time", "leave it out", stream=None)


def kept_columns(recipe: Recipe) -> Iterator[Fault]:
    """remove_unused_columns false in swift infer, which crashes."""
    off = recipe.says("remove_unused_columns") and not recipe.true("remove_unused_columns")
    if recipe.verb == "infer" and off:
        message = "false crashes swift infer"
        yield recipe.fail(
            "remove_unused_columns", message, "leave it out", remove_unused_columns=None
        )


def ollama_penalty(recipe: Recipe) -> Iterator[Fault]:
    """to_ollama without repetition_penalty: the Modelfile says `repeat_penalty None`, which Ollama
    refuses."""
    if recipe.true("to_ollama") and not recipe.says("repetition_penalty"):
        message = "the Modelfile would say `PARAMETER repeat_penalty None`"
        yield recipe.fail(
            "to_ollama", message, "add --repetition_penalty 1.0", repetition_penalty=["1.0"]
        )


def broken_eval(recipe: Recipe) -> Iterator[Fault]:
    """swift eval without OpenCompass, which 4.6.0 imports for every backend."""
    if (
        recipe.verb == "eval"
        and recipe.machine.has_swift
        and importlib.util.find_spec("opencompass") is None
    ):
        message = (
            "swift eval of 4.6.0 imports opencompass for every backend, and it is not installed"
        )
        yield recipe.fail(
            "eval_backend",
            message,
            "use `swiftkit eval`, or `evalscope eval` against `swift deploy`",
        )


def rollout_limits(recipe: Recipe) -> Iterator[Fault]:
    """swift rollout with pipeline parallelism or a reasoning parser, which it refuses."""
    if recipe.verb != "rollout":
        return
    if recipe.whole("vllm_pipeline_parallel_size", 1) > 1:
        yield recipe.fail(
            "vllm_pipeline_parallel_size",
            "swift rollout refuses it",
            "write --vllm_tensor_parallel_size",
        )
    if recipe.says("vllm_reasoning_parser"):
        message = "swift rollout refuses it"
        yield recipe.fail(
            "vllm_reasoning_parser", message, "leave it out", vllm_reasoning_parser=None
        )


def _can_bind(port: int) -> bool:
    """swift's own test (swift/utils/utils.py, find_free_port), but for the same port only."""
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except (OSError, OverflowError):
            return False
    return True


def _answers(port: int) -> bool:
    """Whether somebody listens; a port that was just closed cannot be bound for a minute
    (TIME_WAIT)."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return 0 < port < 65536 and probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])
