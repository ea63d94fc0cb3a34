"""The memory that a GPU needs for a training, from sizes alone: an estimate, not measured on a GPU
so far.

Each part has its formula's source. The sum leaves out fragmentation of the allocator and the
buffers of NCCL, which grow with the number of GPUs. Sizes are bytes for one GPU.
"""

from dataclasses import dataclass

from swiftkit.preflight.memory.model_shape import ModelShape

# CUDA's context and the kernels' code, about 0.5 to 1 GB on an H100; an assumption
CONTEXT = 1_000_000_000
# bytes of state a parameter; Adam's are 8
_OPTIMIZERS = {"8bit": 2, "4bit": 1, "adafactor": 0, "sgd": 4, "lion": 4}
_LIVE = 1_000_000_000  # parameters: swift's zero3.json, stage3_max_live_parameters
_BNB_4BIT = 4.127 / 8  # bytes a weight with double quantization (Dettmers 2023, arXiv 2305.14314)


@dataclass(frozen=True)
class MemorySetup:
    """The settings that decide about memory."""

    shape: ModelShape
    method: str = "lora"  # or full
    bits: int = 16  # of the base weights: 4, 8, 16 or 32
    adapter: int = 0  # parameters of the adapters
    zero: int = 0  # stage
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
    # In serving:
    shards: int = 1  # GPUs that share one model
    computed: int = 0  # tokens that pass through the model at once

    @property
    def trainable(self) -> int:
        """The parameters that train."""
        if not self.train:
            return 0
        return self.shape.parameters if self.method == "full" else self.adapter

    @property
    def row_tokens(self) -> int:
        return self.length + self.generated

    @property
    def tokens(self) -> int:
        """The tokens of a batch."""
        return self.batch * self.rows * self.row_tokens

    @property
    def state_bytes(self) -> int:
        """The optimizer's state of a parameter.

        Adam in mixed precision: 12 bytes, a float32 copy and two moments (Rajbhandari et al. 2020,
        arXiv 1910.02054, section 3.1). Without DeepSpeed the moments have the precision of the
        weights, and there is no copy.
        """
        if self.deepspeed:
            return 12
        for name, size in _OPTIMIZERS.items():
            if name in self.optimizer:
                return size
        return 4 if self.method == "full" and self.bits < 32 else 8


def memory_of(setup: MemorySetup) -> dict[str, int]:
    """Return the bytes that each GPU needs as the backward pass begins, by part.

    Logits and activations are at their peak together then.
    """
    return {
        "weights": _weights(setup),
        "gradients": _gradients(setup),
        "optimizer": _optimizer(setup),
        "activations": _activations(setup),
        "logits": _logits(setup),
        "cache": _cache(setup),
        "context": CONTEXT,
    }


def checkpoint_bytes(setup: MemorySetup) -> int:
    """Return the size of a checkpoint on disk, all ranks together: weights, optimizer's state."""
    weight = 2 if setup.method == "full" and setup.bits < 32 else 4
    state = 0 if setup.save_only_model else setup.state_bytes
    return setup.trainable * (weight + state)


def _weights(setup: MemorySetup) -> int:
    """The base model, its frozen copies, and the adapters.

    peft keeps adapters in float32; DeepSpeed trains them in 16 bits, with a float32 copy in the
    optimizer. ZeRO-3 shards all of it over the GPUs and gathers again what is computed with: at
    most stage3_max_live_parameters (arXiv 1910.02054, section 5.3).
    """
    parameters, linear = setup.shape.parameters, setup.shape.linear_parameters
    if setup.bits >= 16:
        base = parameters * setup.bits // 8
    else:  # embeddings, norms and the head stay in 16 bits
        base = int(linear * (_BNB_4BIT if setup.bits == 4 else 1)) + (parameters - linear) * 2
    size = base * (1 + setup.references)
    if not setup.train:
        return size // setup.shards
    if setup.method != "full":
        size += setup.trainable * (2 if setup.deepspeed else 4)
    if setup.zero < 3 or setup.gpus == 1:
        return size
    largest_block = max(setup.shape.block_parameters)
    gathered = min(parameters, max(_LIVE, 2 * largest_block)) * 2
    return min(size, size // setup.gpus + gathered)


def _gradients(setup: MemorySetup) -> int:
    """One a trained parameter, in its precision; ZeRO-2 shards them (1910.02054, section 5.2)."""
    is_float32 = setup.bits == 32 or (setup.method != "full" and not setup.deepspeed)
    size = setup.trainable * (4 if is_float32 else 2)
    return size // setup.gpus if setup.zero >= 2 else size


def _optimizer(setup: MemorySetup) -> int:
    """The state of the optimizer; ZeRO-1 shards it."""
    if setup.offload:
        return 0
    size = setup.trainable * setup.state_bytes
    return size // setup.gpus if setup.zero >= 1 else size


def _activations(setup: MemorySetup) -> int:
    """Korthikanti et al. 2022 (arXiv 2205.05198, section 4), for SwiGLU and grouped queries.

    With checkpointing the input of each block stays, and one block's activations while it is
    computed again (Chen et al. 2016, arXiv 1604.06174).
    """
    shape = setup.shape
    if not setup.train:
        return setup.computed * shape.hidden * 8
    block = _block_activations(setup)
    if not setup.checkpointing:
        return block * shape.layers
    return setup.tokens * shape.hidden * 2 * shape.layers + block


def _block_activations(setup: MemorySetup) -> int:
    """The activations of one block in training.

    Eager attention keeps its softmax in float32 and again in 16 bits: 6 bytes a pair of tokens and
    head. gpt-oss-20b's 6.5 GB at 4,096 tokens agree with it.
    """
    shape = setup.shape
    q, kv = shape.heads * shape.head, shape.kv_heads * shape.head
    inner = shape.expert_inner * shape.experts_a_token + shape.shared_inner
    if shape.dense:
        inner = max(inner, shape.inner)
    # Bytes a token: two norms (input, float32 copy, output) and queries, keys, values twice
    token = 2 * (2 + 4 + 2) * shape.hidden + 2 * (2 * q + 2 * kv)
    token += 2 * shape.hidden + 2 * 4 * inner  # attention's output, the MLP
    if shape.sparse:  # a copy for each expert, on the way in and out
        token += 2 * 2 * shape.hidden * shape.experts_a_token
    size = setup.tokens * token * (2 if setup.bits == 32 else 1)
    if setup.attention == "eager":
        size += 6 * setup.tokens * setup.row_tokens * shape.heads
    return size


def _logits(setup: MemorySetup) -> int:
    """In 16 bits, log-softmax and its gradient in float32: 10 bytes a token and word.

    A fused loss never holds them all at once (Hsu et al. 2024, Liger Kernel, arXiv 2410.10989,
    section 3.2). Without training they are those of the last token.
    """
    vocab = setup.shape.vocab
    if not setup.train:
        return setup.batch * vocab * 6
    if setup.fused_loss:
        return setup.tokens * setup.shape.hidden * 2
    return setup.batch * setup.rows * (setup.scored or setup.row_tokens) * vocab * 10


def _cache(setup: MemorySetup) -> int:
    """Keys and values of all layers while the model writes (Pope 2022, arXiv 2211.05102, 3.3)."""
    if setup.train and not setup.generated:
        return 0
    shape, length = setup.shape, setup.row_tokens
    positions = (shape.layers - shape.sliding) * length
    positions += shape.sliding * min(length, shape.window)
    return 2 * 2 * setup.batch * shape.kv_heads * shape.head * positions // setup.shards
