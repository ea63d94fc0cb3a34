"""The wire format of each agent template of ms-swift 4.6, and of our own for gpt-oss.

ms-swift names by its agent template how a model is taught to write calls; our format of the table
reads that. Several templates may share one: they differ in line breaks, or in the prompt alone.
tests/toolcall/formats/test_swift_renders.py holds the table to ms-swift's own classes.

Source: swift/agent_template/mapping.py.
"""

FORMATS = {  # agent template: wire format
    "chatglm4": "glm4",
    "deepseek_v3_1": "deepseek_v3_1",
    "deepseek_v4": "deepseek_v4",
    "deepseek_v41": "deepseek_v4_1",
    "gemma4": "gemma4",
    "glm4": "glm4",
    "glm4_5": "glm4_5",
    "glm4_7": "glm4_5",
    "glm5_1": "glm4_5",
    "harmony": "harmony",  # swift_plugins/harmony_template.py
    "hermes": "hermes",
    "hunyuan_hermes": "hunyuan",
    "hy_v3": "hy_v3",
    "hy_v3_preview": "hy_v3",
    "kimi_k25": "kimi_k2",
    "kimi_k3": "kimi_k3",
    "ling3": "glm4_5",
    "llama3": "llama_json",
    "llama4": "llama_json",
    "minicpm5": "minicpm5",
    "minimax_m2": "minimax_m2",
    "minimax_m3": "minimax_m3",
    "mistral": "mistral",
    "qwen3_5": "qwen3_coder",
    "qwen3_coder": "qwen3_coder",
    "qwen_en": "qwen_fncall",
    "qwen_en_parallel": "qwen_fncall",
    "qwen_zh": "qwen_fncall",
    "qwen_zh_parallel": "qwen_fncall",
    "react_en": "react",
    "react_grpo": "react",
    "react_zh": "react",
    "seed_oss": "seed_oss",
    "spark2_5": "glm4_5",
    "toolbench": "react",
    "xing4_0": "glm4_5",
    "youtu": "hermes",
}


def wire_format_of(agent_template: str) -> str:
    """Return the name of the format that reads this agent template's calls; "" for one that is not
    known, such as a plugin's."""
    return FORMATS.get(agent_template, "")
