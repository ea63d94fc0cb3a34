"""All that a chat template is given for one rendering."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from swiftkit.rendering.chat_template import ChatTemplate
from swiftkit.rendering.message_form import MessageForm
from swiftkit.rendering.neutral_messages import Message


@dataclass(frozen=True)
class RenderRequest:
    """`messages` are neutral; `missing_end` is the stop token that the text lacks."""

    template: ChatTemplate
    form: MessageForm
    messages: Sequence[Message]
    tools: Sequence[Any] | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    is_prompt: bool = False
    missing_end: str = ""

    def text(self) -> str:
        """Return the rendering. Raises DataError where the template refuses."""
        messages = self.form.apply(self.messages)
        return self.template.render(messages, self.tools, self.is_prompt, **self.settings)
