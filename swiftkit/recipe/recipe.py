"""A recipe's settings with swift's defaults, and the findings about it with their places."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from swiftkit.findings import Finding, Level
from swiftkit.recipe.arguments import Argument, arguments_of
from swiftkit.recipe.machine import ONE_A_GPU, Machine

TRAINING = ("sft", "pt", "rlhf")
RecipeSettings = dict[str, list[str]]  # flag without dashes -> its values
RecipePlaces = dict[str, str]  # flag -> FILE:LINE, or --flag


class RecipeFinding(Finding, frozen=True):
    """A finding with its place, the name of its rule, and the change that mends it.

    `where` is FILE:LINE or --flag. `changes`: flag -> new values; None takes the flag out.
    """

    where: str = ""
    rule: str = ""
    changes: dict[str, list[str] | None] = {}  # noqa: RUF012  # msgspec copies an empty default

    def __str__(self) -> str:
        place = f"{self.name}:"
        if self.where == f"--{self.name}":
            place = f"{self.where}:"
        elif self.where:
            place = f"{self.where}: {self.name}:"
        fix = f" ({self.fix})" if self.fix else ""
        return " ".join(f"{self.level:4}  {place} {self.message}{fix}".splitlines())


Findings = Iterator[RecipeFinding]  # of one rule


def whole_number(text: str) -> int | None:
    """Return a number of decimal digits; None for other text, and for what nobody can mean."""
    text = text.strip()  # as int() does, in swift and torchrun
    return int(text) if text.isdecimal() and len(text) < 16 else None


@dataclass(frozen=True)
class Recipe:
    """A YAML file with the flags after it, as the rules look at them.

    `settings` hold the last values under full names, `typed` under the names as they were typed.
    `repeated`: keys that stand twice in the file -> FILE:LINE of the lost one.
    """

    verb: str
    settings: RecipeSettings
    places: RecipePlaces
    typed: Mapping[str, list[str]]
    environment: Mapping[str, str]
    machine: Machine
    file: str = ""
    file_environment: Mapping[str, str] = field(default_factory=dict)  # the file's ENV block
    repeated: Mapping[str, str] = field(default_factory=dict)

    @property
    def arguments(self) -> Mapping[str, Argument]:
        """The arguments that the verb knows; empty for a verb that the table does not hold."""
        return arguments_of(self.verb)

    def is_set(self, *flags: str) -> bool:
        """Return True if the recipe sets at least one of the flags."""
        return any(flag in self.settings for flag in flags)

    def present(self, *flags: str) -> list[str]:
        """Return those of the flags that the recipe sets."""
        return [flag for flag in flags if flag in self.settings]

    def get_list(self, flag: str) -> list[str]:
        """Return the values that are set, else swift's default; empty where there is none."""
        if flag in self.settings:
            return self.settings[flag]
        argument = self.arguments.get(flag)
        if argument is None or argument.default is None:
            return []
        default = argument.default
        return list(map(str, default)) if isinstance(default, list) else [str(default)]

    def get_str(self, flag: str) -> str:
        """Return the last value, "" where there is none."""
        values = self.get_list(flag)
        return values[-1] if values else ""

    def get_float(self, flag: str) -> float | None:
        """Return the value as a number, None where it is none."""
        try:
            return float(self.get_str(flag))
        except ValueError:
            return None

    def get_int(self, flag: str, default: int) -> int:
        """Return the value as a whole number; `default` where neither it nor swift's own is one."""
        number = self.get_float(flag)
        return int(number) if number is not None and abs(number) < 1e15 else default

    def get_bool(self, flag: str) -> bool:
        """Return True for a true value, and for a flag without a value."""
        is_bare = self.settings.get(flag) == []
        return is_bare or self.get_str(flag).lower() in ("true", "1", "yes", "y", "t")

    @property
    def trains(self) -> bool:
        return self.verb in TRAINING

    @property
    def stage(self) -> str:
        """The kind of training: sft, pt, dpo, grpo, ...; of other verbs the verb."""
        return self.get_str("rlhf_type") if self.verb == "rlhf" else self.verb

    @property
    def processes(self) -> int:
        """The processes of all nodes: NPROC_PER_NODE each, or one a GPU with DeepSpeed or FSDP."""
        value = self.environment.get("NPROC_PER_NODE", "").strip()
        per_node = len(self.machine.gpus) if value in ONE_A_GPU else whole_number(value)
        nodes = whole_number(self.environment.get("NNODES", ""))
        processes = 1
        if per_node is not None:
            processes = per_node
        elif self.get_str("deepspeed") or self.get_str("fsdp"):
            processes = len(self.machine.gpus)
        return max(processes, 1) * max(nodes or 1, 1)

    @property
    def evaluates(self) -> bool:
        """True if the training evaluates. swift does it only with validation data (sft_args.py)."""
        has_data = self.is_set("val_dataset", "cached_val_dataset", "eval_dataset")
        if not self.get_bool("streaming"):
            has_data = has_data or (self.get_float("split_dataset_ratio") or 0) > 0
        return has_data and self.eval_strategy != "no"

    @property
    def eval_strategy(self) -> str:
        """no, steps, epoch or best; where it is not set swift takes save_strategy."""
        return self.get_str("eval_strategy") or self.get_str("save_strategy")

    @property
    def on_cpu(self) -> bool:
        return self.get_bool("use_cpu") or not self.machine.gpus

    def fail(
        self, flag: str, message: str, fix: str | None = None, **changes: list[str] | None
    ) -> RecipeFinding:
        """Return a finding that stops the run; without `fix` its fix is to leave the flag out."""
        if fix is None:
            fix, changes = "leave it out", {flag: None}
        where = self.places.get(flag, self.file)
        return RecipeFinding(Level.FAIL, flag, message, fix, where, changes=changes)

    def warn(
        self, flag: str, message: str, fix: str | None = None, **changes: list[str] | None
    ) -> RecipeFinding:
        """Return a finding as `fail` does, but one that does not stop the run."""
        finding = self.fail(flag, message, fix, **changes)
        return msgspec.structs.replace(finding, level=Level.WARN)

    def tell(self, flag: str, message: str, fix: str) -> RecipeFinding:
        """Return a finding as `fail` does, but one about which nothing has to be done."""
        return msgspec.structs.replace(self.fail(flag, message, fix), level=Level.OK)
