"""A decoder's shape and its exact number of parameters, from config.json alone.

Dense: Llama, Mistral, Qwen2, Qwen3. Mixture of experts: Qwen2-MoE, Qwen3-MoE, Mixtral, gpt-oss. The
layout is that of transformers 5 (experts are one parameter of three dimensions, no nn.Linear);
tests make each family tiny on the CPU and count its parameters.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_DENSE = ("llama", "mistral", "qwen2", "qwen3")
_EXPERTS = ("qwen2_moe", "qwen3_moe", "mixtral", "gpt_oss")
# head_dim where config.json does not say it, as transformers' configurations have it
_DEFAULT_HEAD = {"qwen3": 128, "gpt_oss": 64}
Linears = dict[str, tuple[int, int]]  # name of an nn.Linear -> (in, out)


@dataclass(frozen=True)
class ModelShape:
    """Sizes in elements; `dense` and `sparse` are numbers of layers."""

    family: str
    hidden: int
    heads: int
    kv_heads: int
    head: int
    vocab: int
    tied: bool  # the head shares the weights of the embeddings
    dense: int
    sparse: int
    inner: int  # of a dense layer's MLP
    expert_inner: int
    shared_inner: int
    experts: int
    experts_a_token: int
    biased: tuple[str, ...]  # linears of the attention that have a bias
    mlp_bias: bool
    query_norm: bool
    window: int  # tokens that a sliding layer looks back on; 0: all
    sliding: int  # number of such layers
    longest: int  # max_position_embeddings; 0 where config.json does not say

    @property
    def layers(self) -> int:
        return self.dense + self.sparse

    @property
    def attention_linears(self) -> Linears:
        h, q, kv = self.hidden, self.heads * self.head, self.kv_heads * self.head
        return {"q_proj": (h, q), "k_proj": (h, kv), "v_proj": (h, kv), "o_proj": (q, h)}

    @property
    def dense_linears(self) -> Linears:
        return _gated_mlp(self.hidden, self.inner)

    @property
    def shared_linears(self) -> Linears:
        if not self.shared_inner:
            return {}
        mlp = _gated_mlp(self.hidden, self.shared_inner)
        return mlp | {"shared_expert_gate": (self.hidden, 1)}

    @property
    def linears(self) -> list[tuple[Linears, int]]:
        """The linears inside the layers, with the number of layers that have them."""
        return [
            (self.attention_linears, self.layers),
            (self.dense_linears, self.dense),
            (self.shared_linears, self.sparse),
        ]

    @property
    def block_parameters(self) -> tuple[int, int]:
        """The parameters of a dense and of a sparse layer."""
        is_gpt_oss = self.family == "gpt_oss"
        attention = self.attention_linears
        shared = 2 * self.hidden + _weights(attention)  # two norms
        shared += sum(attention[name][1] for name in self.biased)
        shared += 2 * self.head * self.query_norm
        shared += self.heads * is_gpt_oss  # attention sinks
        dense = _weights(self.dense_linears)
        dense += (2 * self.inner + self.hidden) * self.mlp_bias
        expert = 3 * self.hidden * self.expert_inner
        expert += (2 * self.expert_inner + self.hidden) * is_gpt_oss  # biases
        router = self.hidden + is_gpt_oss  # an expert's row and its bias
        sparse = self.experts * (expert + router) + _weights(self.shared_linears)
        return shared + dense, shared + sparse

    @property
    def parameters(self) -> int:
        dense, sparse = self.block_parameters
        embeddings = self.vocab * self.hidden * (1 if self.tied else 2)
        final_norm = self.hidden
        return embeddings + self.dense * dense + self.sparse * sparse + final_norm

    @property
    def linear_parameters(self) -> int:
        """The weights of nn.Linear inside the layers: what 4-bit loading quantizes."""
        return sum(layers * _weights(linears) for linears, layers in self.linears)

    def lora_parameters(self, rank: int, modules: tuple[str, ...], experts: bool = False) -> int:
        """Return r x (in + out) of each linear that is adapted (Hu et al. 2021, arXiv 2106.09685).

        `modules` are names as in --target_modules; all-linear is all of them. `experts`: also of
        both matrices of each expert, (h, 2f) and (f, h).
        """
        width = 0
        for linears, layers in self.linears:
            for name, (inputs, outputs) in linears.items():
                if name in modules or "all-linear" in modules:
                    width += layers * (inputs + outputs)
        if experts:
            width += self.sparse * self.experts * (2 * self.hidden + 3 * self.expert_inner)
        return rank * width


def model_shape(config: Mapping[str, Any]) -> ModelShape | None:
    """Return the shape of a config.json; None for an unknown family, or where a size is missing."""

    def size(name: str) -> int:
        value = config.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0

    family = str(config.get("model_type"))
    hidden, heads, layers = map(size, ("hidden_size", "num_attention_heads", "num_hidden_layers"))
    vocab = size("vocab_size")
    if family not in _DENSE + _EXPERTS or not (hidden and heads and layers and vocab):
        return None
    sparse = _sparse_layers(family, config, layers)
    types = config.get("layer_types")
    sliding = layers // 2 if family == "gpt_oss" else 0
    if isinstance(types, list):
        sliding = types.count("sliding_attention")
    if not size("sliding_window"):
        sliding = 0
    inner = size("intermediate_size")
    return ModelShape(
        family=family,
        hidden=hidden,
        heads=heads,
        kv_heads=size("num_key_value_heads") or heads,
        head=size("head_dim") or _DEFAULT_HEAD.get(family) or hidden // heads,
        vocab=vocab,
        tied=config.get("tie_word_embeddings") is True,
        dense=layers - sparse,
        sparse=sparse,
        inner=inner,
        expert_inner=size("moe_intermediate_size") or inner,
        shared_inner=size("shared_expert_intermediate_size") if family == "qwen2_moe" else 0,
        experts=size("num_experts") or size("num_local_experts"),
        experts_a_token=size("num_experts_per_tok") or size("experts_per_token") or 1,
        biased=_biased_linears(family, config),
        mlp_bias=family == "llama" and config.get("mlp_bias") is True,
        query_norm=family in ("qwen3", "qwen3_moe"),
        window=size("sliding_window") if sliding else 0,
        sliding=sliding,
        longest=size("max_position_embeddings"),
    )


def _gated_mlp(hidden: int, inner: int) -> Linears:
    return {"gate_proj": (hidden, inner), "up_proj": (hidden, inner), "down_proj": (inner, hidden)}


def _weights(linears: Linears) -> int:
    return sum(inputs * outputs for inputs, outputs in linears.values())


def _biased_linears(family: str, config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the linears of the attention that have a bias."""
    if family == "qwen2" or (family == "qwen2_moe" and config.get("qkv_bias", True)):
        return ("q_proj", "k_proj", "v_proj")
    has_bias = config.get("attention_bias", family == "gpt_oss") is True
    if has_bias and family in ("llama", "qwen3", "qwen3_moe", "gpt_oss"):
        return ("q_proj", "k_proj", "v_proj", "o_proj")
    return ()


def _sparse_layers(family: str, config: Mapping[str, Any], layers: int) -> int:
    if family not in _EXPERTS:
        return 0
    if family in ("mixtral", "gpt_oss"):
        return layers
    step, dense = config.get("decoder_sparse_step"), config.get("mlp_only_layers")
    step = step if isinstance(step, int) and step > 0 else 1
    dense = dense if isinstance(dense, list) else []
    return sum((layer + 1) % step == 0 and layer not in dense for layer in range(layers))
