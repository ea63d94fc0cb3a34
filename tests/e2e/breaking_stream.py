"""A plugin for test_openai_server.py: a streamed answer to a question with BREAK in it fails after
some text."""

from typing import Any

from swift.infer_engine.utils import InferStreamer

_printable = InferStreamer.get_printable_text


def _get_printable_text(streamer: Any, tokens: list[int], is_finished: bool) -> str:
    inputs = streamer.decode_kwargs["template_inputs"]
    if len(tokens) > 4 and "BREAK" in inputs.messages[0]["content"]:
        raise RuntimeError("the GPU fell off the bus")
    return str(_printable(streamer, tokens, is_finished))


InferStreamer.get_printable_text = _get_printable_text
