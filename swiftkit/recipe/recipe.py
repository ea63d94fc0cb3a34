"""What a rule looks at: the settings of a recipe, swift's defaults, the machine; what a rule finds,
with its place."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from swiftkit.findings import Finding, Level
from swiftkit.recipe.arguments import Argument, arguments_of
from swiftkit.recipe.machine import Machine

TRAINING = ("sft", "pt", "rlhf")
Settings = dict[str, list[str]]  # flag without dashes -> its values
Places = dict[str, str]  # flag -> FILE:LINE, or --flag


class Fault(Finding, frozen=True):
    """A finding with its rule's name, its place, and the change that mends it: flag -> values, None
    takes it away."""

    where: str = ""
    rule: str = ""
    changes: dict[str, list[str] | None] = {}  # noqa: RUF012  # msgspec copies an empty default

    def __str__(self) -> str:
        name = "" if self.where == f"--{self.name}" else f" {self.name}:"
        where = f"{self.where}:{name} " if self.where else f"{self.name}: "
        text = f"{self.level:4}  {where}{self.message}" + (f" ({self.fix})" if self.fix else "")
        return " ".join(text.splitlines())


@dataclass(frozen=True)
class Recipe:
    """What a rule looks at. `settings` hold the last values under full names; `given` the keys as
    they were typed."""

    verb: str
    settings: Settings
    places: Places
    given: Mapping[str, list[str]]
    environment: Mapping[str, str]
    machine: Machine
    file: str = ""
    own_environment: Mapping[str, str] = field(default_factory=dict)
    twice: Mapping[str, str] = field(
        default_factory=dict
    )  # keys that stand twice in the file -> FILE:LINE of the lost one

    @property
    def trains(self) -> bool:
        return self.verb in TRAINING

    @property
    def stage(self) -> str:
        """sft, pt, dpo, grpo, ..., or the verb where nothing is trained."""
        return self.text("rlhf_type") if self.verb == "rlhf" else self.verb

    @property
    def arguments(self) -> Mapping[str, Argument]:
        return arguments_of(self.verb)

    def values(self, flag: str) -> list[str]:
        """What is given, else swift's default; empty where that is nothing."""
        if flag in self.settings:
            return self.settings[flag]
        argument = self.arguments.get(flag)
        default = argument.default if argument else None
        if default is None:
            return []
        return [str(item) for item in default] if isinstance(default, list) else [str(default)]

    def text(self, flag: str) -> str:
        return (self.values(flag) or [""])[-1]

    def number(self, flag: str) -> float | None:
        try:
            return float(self.text(flag))
        except ValueError:
            return None

    def whole(self, flag: str, otherwise: int) -> int:
        """A whole number that is given or swift's default; `otherwise` where that is none."""
        number = self.number(flag)
        return int(number) if number is not None and abs(number) < 1e15 else otherwise

    def true(self, flag: str) -> bool:
        """Also for a bool flag without a value."""
        given = self.settings.get(flag)
        return given == [] or self.text(flag).lower() in ("true", "1", "yes", "y", "t")

    def says(self, *flags: str) -> list[str]:
        return [flag for flag in flags if flag in self.settings]

    @property
    def processes(self) -> int:
        """Training processes of all nodes; DeepSpeed or FSDP without NPROC_PER_NODE: one a GPU
        (recipes/lib.sh)."""
        per_node, nodes = (
            self.environment.get("NPROC_PER_NODE", ""),
            self.environment.get("NNODES", ""),
        )
        shards = self.text("deepspeed") or self.text("fsdp")
        local = int(per_node) if per_node.isdigit() else len(self.machine.gpus) if shards else 1
        return max(local, 1) * (int(nodes) if nodes.isdigit() and int(nodes) > 0 else 1)

    @property
    def evaluates(self) -> bool:
        """swift's own rule (sft_args.py): no evaluation without validation data, whatever
        eval_strategy says."""
        split = self.number("split_dataset_ratio") or 0
        data = bool(self.says("val_dataset", "cached_val_dataset", "eval_dataset")) or (
            split > 0 and not self.true("streaming")
        )
        return data and (self.text("eval_strategy") or self.text("save_strategy")) != "no"

    @property
    def on_cpu(self) -> bool:
        return self.true("use_cpu") or not self.machine.gpus

    def fail(self, flag: str, message: str, fix: str, **changes: list[str] | None) -> Fault:
        return self._fault(Level.FAIL, flag, message, fix, changes)

    def warn(self, flag: str, message: str, fix: str, **changes: list[str] | None) -> Fault:
        return self._fault(Level.WARN, flag, message, fix, changes)

    def _fault(
        self, level: Level, flag: str, message: str, fix: str, changes: dict[str, list[str] | None]
    ) -> Fault:
        return Fault(level, flag, message, fix, self.places.get(flag, self.file), "", changes)
