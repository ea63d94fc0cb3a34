r"""Lone surrogates in any text, replaced before it reaches the tokenizer.

A model writes one as an escape ("\ud835") in the arguments of a call; a tool gives it back, a
client sends it in a conversation's history, a tool's description in JSON holds it. swift 4.6.0
decodes the JSON, and its tokenizer raises a TypeError: a training would stop. All text becomes
tokens in one method, so that is wrapped. Loaded for this alone, by plugins that train or serve.
"""

from typing import Any

from swift.template import Template

from swiftkit.json_text import replace_surrogates


def _tokenize_replaced(template: Any, context: str, **kwargs: Any) -> Any:
    return _swift_tokenize(template, replace_surrogates(context), **kwargs)


_swift_tokenize = Template._tokenize
Template._tokenize = _tokenize_replaced
