"""How much memory a GPU needs for a training, from sizes alone: an estimate, never measured on a
GPU so far.

Each part has its formula's source. What the sum leaves out: fragmentation of the allocator and the
buffers of NCCL, which grow with the number of GPUs. Sizes are bytes for one GPU.
"""

from dataclasses import dataclass

from swiftkit.preflight.memory.model_shape import Shape

# CUDA's context and the kernels' code, about 0.5 to 1 GB on an H100; an assumption
CONTEXT = 1_000_000_000
# bytes of state a parameter; Adam: 8
_OPTIMIZER = {"8bit": 2, "4bit": 1, "adafactor": 0, "sgd": 4, "lion": 4}
_LIVE = 1_000_000_000  # parameters: swift's zero3.json, stage3_max_live_parameters


@dataclass(frozen=True)
class Setup:
    """What decides about memory. `method`: lora or full; `bits` of the base weights: 4, 8, 16 or
    32."""

    shape: Shape
    method: str = "lora"
    bits: int = 16
    trainable: int = 0  # of adapters; with `full` all parameters train
    zero: int = 0
    gpus: int = 1
    batch: int = 1
    length: int = 2048
    attention: str = "sdpa"
    checkpointing: bool = True
    fused_loss: bool = False
    optimizer: str = "adamw_torch"
    deepspeed: bool = False
    references: int = 0  # frozen copies of the whole model: the reference, the reward model
    rows: int = 1  # sequences a row: two for chosen and rejected
    generated: int = 0  # tokens written by the model in training
    scored: int = 0  # tokens of a row whose logits are kept; 0: all
    train: bool = True
    offload: bool = False
    save_only_model: bool = False


@dataclass(frozen=True)
class Memory:
    weights: int
    gradients: int
    optimizer: int
    activations: int
    logits: int
    cache: int
    context: int

    @property
    def total(self) -> int:
        return sum(vars(self).values())


def memory_of(setup: Setup) -> Memory:
    """Bytes for each GPU. Logits and activations are at their peak together, at the beginning of
    the backward pass."""
    return Memory(
        weights=_weights(setup),
        gradients=_gradients(setup),
        optimizer=_optimizer(setup),
        activations=_activations(setup),
        logits=_logits(setup),
        cache=_cache(setup),
        context=CONTEXT,
    )


def trainable(setup: Setup) -> int:
    return (setup.shape.parameters if setup.method == "full" else setup.trainable) * setup.train


def checkpoint_bytes(setup: Setup) -> int:
    """Of one checkpoint on disk, all ranks together: the weights that train, and the optimizer's
    state."""
    count = trainable(setup)
    weights = count * (2 if setup.method == "full" and setup.bits < 32 else 4)
    states = count * (12 if setup.deepspeed else _state_bytes(setup))
    return weights + (0 if setup.save_only_model else states)


def _weights(setup: Setup) -> int:
    """4-bit: 4.127 bits a weight of nn.Linear with double quantization (Dettmers et al. 2023, arXiv
    2305.14314).

    ZeRO-3 shards them over the GPUs and gathers again what is computed with: at most
    stage3_max_live_parameters (Rajbhandari et al. 2020, arXiv 1910.02054, section 5.3).
    """
    base = _base_bytes(setup) * (1 + setup.references) + trainable(setup) * _adapter_bytes(setup)
    if setup.zero < 3 or setup.gpus == 1:
        return base
    largest = max(setup.shape.block_parameters)
    gathered = min(setup.shape.parameters, max(_LIVE, 2 * largest)) * 2
    return min(base, base // setup.gpus + gathered)


def _base_bytes(setup: Setup) -> int:
    whole = setup.shape.parameters
    if setup.bits >= 16:
        return whole * setup.bits // 8
    packed = setup.shape.linear_parameters
    per_weight = 4.127 / 8 if setup.bits == 4 else 1.0
    return int(packed * per_weight) + (whole - packed) * 2


def _adapter_bytes(setup: Setup) -> int:
    """peft keeps adapters in float32; DeepSpeed trains them in 16 bits, with a float32 copy in the
    optimizer."""
    return 0 if setup.method == "full" else 2 if setup.deepspeed else 4


def _gradients(setup: Setup) -> int:
    """One a trained parameter, in its precision; sharded from ZeRO-2 on (arXiv 1910.02054, section
    5.2)."""
    adapter = setup.method != "full" and not setup.deepspeed
    size = 4 if adapter or setup.bits == 32 else 2
    return trainable(setup) * size // (setup.gpus if setup.zero >= 2 else 1)


def _optimizer(setup: Setup) -> int:
    """Adam in mixed precision: 12 bytes, a float32 copy and two moments (arXiv 1910.02054, section
    3.1).

    Without DeepSpeed the moments have the precision of the weights, and there is no copy. ZeRO-1
    shards them.
    """
    if setup.offload:
        return 0
    size = 12 if setup.deepspeed else _state_bytes(setup)
    return trainable(setup) * size // (setup.gpus if setup.zero >= 1 else 1)


def _state_bytes(setup: Setup) -> int:
    named = next((size for name, size in _OPTIMIZER.items() if name in setup.optimizer), None)
    if named is not None:
        return named
    return 4 if setup.method == "full" and setup.bits < 32 else 8


def _activations(setup: Setup) -> int:
    """Korthikanti et al. 2022 (arXiv 2205.05198, section 4), written out for SwiGLU and grouped
    queries.

    With checkpointing the input of each block stays, and one block's activations while it is
    computed again (Chen et al. 2016, arXiv 1604.06174).
    """
    if not setup.train:
        return _tokens(setup) * setup.shape.hidden * 8
    whole = _block_activations(setup)
    if not setup.checkpointing:
        return whole * setup.shape.layers
    return _tokens(setup) * setup.shape.hidden * 2 * setup.shape.layers + whole


def _tokens(setup: Setup) -> int:
    return setup.batch * setup.rows * (setup.length + setup.generated)


def _block_activations(setup: Setup) -> int:
    """A token: two norms (input, float32 copy, output), queries, keys, values, attention's output,
    and the MLP.

    Eager attention keeps its softmax in float32 and again in 16 bits: 6 bytes a pair of tokens and
    head. gpt-oss-20b's 6.5 GB at 4,096 tokens agree with it.
    """
    shape = setup.shape
    q, kv = shape.heads * shape.head, shape.kv_heads * shape.head
    inner = max(
        shape.inner * (shape.dense > 0),
        shape.expert_inner * shape.experts_a_token + shape.shared_inner,
    )
    token = 2 * (2 + 4 + 2) * shape.hidden + 2 * (2 * q + 2 * kv) + 2 * shape.hidden + 2 * 4 * inner
    if shape.sparse:
        # a copy for each expert, on the way in and out
        token += 2 * 2 * shape.hidden * shape.experts_a_token
    pairs = (setup.length + setup.generated) * _tokens(setup) * shape.heads
    return _tokens(setup) * token * (2 if setup.bits == 32 else 1) + (
        6 * pairs if setup.attention == "eager" else 0
    )


def _logits(setup: Setup) -> int:
    """In 16 bits, log-softmax and its gradient in float32: 10 bytes a token and word.

    A fused loss never holds them all at once (Hsu et al. 2024, Liger Kernel, arXiv 2410.10989,
    section 3.2).
    """
    tokens = setup.batch * setup.rows * (setup.scored or setup.length + setup.generated)
    if not setup.train:
        return setup.batch * setup.shape.vocab * 6  # of the last token alone
    return (
        _tokens(setup) * setup.shape.hidden * 2
        if setup.fused_loss
        else tokens * setup.shape.vocab * 10
    )


def _cache(setup: Setup) -> int:
    """Keys and values of all layers while the model writes (Pope et al. 2022, arXiv 2211.05102,
    section 3.3)."""
    if not setup.generated and setup.train:
        return 0
    shape, length = setup.shape, setup.length + setup.generated
    seen = (shape.layers - shape.sliding) * length + shape.sliding * min(length, shape.window)
    return 2 * 2 * setup.batch * shape.kv_heads * shape.head * seen
