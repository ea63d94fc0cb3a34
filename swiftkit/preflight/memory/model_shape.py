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


@dataclass(frozen=True)
class Shape:
    """Sizes in elements. `dense` and `sparse` are numbers of layers; the sinks are gpt-oss's, one a
    head."""

    family: str
    hidden: int
    heads: int
    kv_heads: int
    head: int
    vocab: int
    tied: bool
    dense: int
    sparse: int
    inner: int  # of a dense layer's MLP
    expert_inner: int
    shared_inner: int
    experts: int
    experts_a_token: int
    bias: str  # of the attention: none, qkv, all
    mlp_bias: bool
    query_norm: bool
    window: int  # tokens that a sliding layer looks back on; 0: all
    sliding: int  # number of such layers
    longest: int  # max_position_embeddings; 0 where config.json does not tell

    @property
    def layers(self) -> int:
        return self.dense + self.sparse

    @property
    def attention_linears(self) -> dict[str, tuple[int, int]]:
        """name -> (in, out)."""
        q, kv = self.heads * self.head, self.kv_heads * self.head
        h = self.hidden
        return {"q_proj": (h, q), "k_proj": (h, kv), "v_proj": (h, kv), "o_proj": (q, h)}

    @property
    def dense_linears(self) -> dict[str, tuple[int, int]]:
        h, f = self.hidden, self.inner
        return {"gate_proj": (h, f), "up_proj": (h, f), "down_proj": (f, h)}

    @property
    def shared_linears(self) -> dict[str, tuple[int, int]]:
        h, f = self.hidden, self.shared_inner
        return (
            {
                "gate_proj": (h, f),
                "up_proj": (h, f),
                "down_proj": (f, h),
                "shared_expert_gate": (h, 1),
            }
            if f
            else {}
        )

    @property
    def attention_parameters(self) -> int:
        """Of one layer: projections, their biases, norms of queries and keys, sinks."""
        sizes = self.attention_linears
        biased = {"none": (), "qkv": ("q_proj", "k_proj", "v_proj"), "all": tuple(sizes)}[self.bias]
        total = sum(i * o for i, o in sizes.values()) + sum(sizes[name][1] for name in biased)
        return total + 2 * self.head * self.query_norm + self.heads * (self.family == "gpt_oss")

    @property
    def expert_parameters(self) -> int:
        """All experts of one sparse layer, without router and shared expert."""
        one = 3 * self.hidden * self.expert_inner
        biases = 2 * self.expert_inner + self.hidden if self.family == "gpt_oss" else 0
        return self.experts * (one + biases)

    @property
    def block_parameters(self) -> tuple[int, int]:
        """Of a dense and of a sparse layer, each with its two norms."""
        common = self.attention_parameters + 2 * self.hidden
        mlp_bias = (2 * self.inner + self.hidden) * self.mlp_bias
        dense = common + 3 * self.hidden * self.inner + mlp_bias
        router = self.experts * self.hidden + self.experts * (self.family == "gpt_oss")
        shared = sum(i * o for i, o in self.shared_linears.values())
        return dense, common + self.expert_parameters + router + shared

    @property
    def embedding_parameters(self) -> int:
        """Input embeddings, the head where it has weights of its own."""
        return self.vocab * self.hidden * (1 if self.tied else 2)

    @property
    def parameters(self) -> int:
        dense, sparse = self.block_parameters
        return self.embedding_parameters + self.dense * dense + self.sparse * sparse + self.hidden

    @property
    def linear_parameters(self) -> int:
        """Weights of nn.Linear inside the layers: what 4-bit loading quantizes."""
        attention = sum(i * o for i, o in self.attention_linears.values()) * self.layers
        dense = sum(i * o for i, o in self.dense_linears.values()) * self.dense
        return attention + dense + sum(i * o for i, o in self.shared_linears.values()) * self.sparse

    def lora_parameters(self, rank: int, modules: tuple[str, ...], experts: bool = False) -> int:
        """r x (in + out) of each linear that is adapted (Hu et al. 2021, arXiv 2106.09685).

        `modules` are names as in --target_modules; all-linear is all of them. `experts`: of each
        expert too.
        """
        total = 0
        for sizes, layers in (
            (self.attention_linears, self.layers),
            (self.dense_linears, self.dense),
            (self.shared_linears, self.sparse),
        ):
            total += layers * sum(
                i + o
                for name, (i, o) in sizes.items()
                if "all-linear" in modules or name in modules
            )
        if experts:
            h, f = self.hidden, self.expert_inner
            total += self.sparse * self.experts * (h + 2 * f + f + h)
        return rank * total


def shape_of(config: Mapping[str, Any]) -> Shape | None:
    """The shape that a config.json tells; None for a family that is not known here, or where a size
    is missing."""
    family = str(config.get("model_type"))
    sizes = ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
    if family not in _DENSE + _EXPERTS or not all(_size(config, name) for name in sizes):
        return None
    hidden, heads, layers = (
        _size(config, name) for name in ("hidden_size", "num_attention_heads", "num_hidden_layers")
    )
    sparse = _sparse_layers(family, config, layers)
    kinds = config.get("layer_types")
    sliding = (
        kinds.count("sliding_attention")
        if isinstance(kinds, list)
        else layers // 2 * (family == "gpt_oss")
    )
    return Shape(
        family=family,
        hidden=hidden,
        heads=heads,
        kv_heads=_size(config, "num_key_value_heads") or heads,
        head=_size(config, "head_dim") or _default_head(family) or hidden // heads,
        vocab=_size(config, "vocab_size"),
        tied=config.get("tie_word_embeddings") is True,
        dense=layers - sparse,
        sparse=sparse,
        inner=_size(config, "intermediate_size"),
        expert_inner=_size(config, "moe_intermediate_size") or _size(config, "intermediate_size"),
        shared_inner=_size(config, "shared_expert_intermediate_size")
        if family == "qwen2_moe"
        else 0,
        experts=_size(config, "num_experts") or _size(config, "num_local_experts"),
        experts_a_token=_size(config, "num_experts_per_tok")
        or _size(config, "experts_per_token")
        or 1,
        bias=_attention_bias(family, config),
        mlp_bias=family == "llama" and config.get("mlp_bias") is True,
        query_norm=family in ("qwen3", "qwen3_moe"),
        window=_size(config, "sliding_window") if sliding else 0,
        sliding=sliding if _size(config, "sliding_window") else 0,
        longest=_size(config, "max_position_embeddings"),
    )


def _size(config: Mapping[str, Any], name: str) -> int:
    value = config.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _default_head(family: str) -> int:
    """What the configurations of transformers take where head_dim is not written."""
    return {"qwen3": 128, "gpt_oss": 64}.get(family, 0)


def _attention_bias(family: str, config: Mapping[str, Any]) -> str:
    if family == "qwen2" or (family == "qwen2_moe" and config.get("qkv_bias", True)):
        return "qkv"
    given = config.get("attention_bias", family == "gpt_oss")
    return (
        "all" if given is True and family in ("llama", "qwen3", "qwen3_moe", "gpt_oss") else "none"
    )


def _sparse_layers(family: str, config: Mapping[str, Any], layers: int) -> int:
    if family not in _EXPERTS:
        return 0
    if family in ("mixtral", "gpt_oss"):
        return layers
    every, dense = _size(config, "decoder_sparse_step") or 1, config.get("mlp_only_layers") or []
    return sum((layer + 1) % every == 0 and layer not in dense for layer in range(layers))
