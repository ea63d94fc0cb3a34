"""Template `qwen3_reward` for `swift rlhf --rlhf_type rm`: qwen3_nothinking, ending where PPO ends.

ms-swift 4.6.0 ends a training row with `<|im_end|>` and a line break, and a reward model's score is
read at the last token. PPO's completions stop at `<|im_end|>`, so there its score is read one token
earlier, where it was never trained. Measured in a plain loop with LoRA on the demo's pairs, of 96
held-out ones: after 50 steps 61 % were told apart at the line break, 48 % at `<|im_end|>`; with
rows that end there, after 80 steps, 64 % at `<|im_end|>`.
"""

from dataclasses import replace

from swift.template import TEMPLATE_MAPPING, register_template

_template = TEMPLATE_MAPPING["qwen3_nothinking"]
register_template(
    replace(_template, template_type="qwen3_reward", suffix=["<|im_end|>"]), exist_ok=True
)
