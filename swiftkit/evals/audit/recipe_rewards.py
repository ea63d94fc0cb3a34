"""Audit the rewards of a recipe before it trains: AUDIT=1 bash recipes/grpo_tool_call.sh."""

from pathlib import Path
from typing import Any

from swiftkit.errors import SwiftkitError
from swiftkit.evals.audit.audit import AuditOptions, audit
from swiftkit.evals.audit.report import AuditReport
from swiftkit.json_text import decode_or_none
from swiftkit.preflight.data_rows import REWARDS
from swiftkit.recipe.paths import data_files
from swiftkit.recipe.recipe import Recipe, RecipeFinding
from swiftkit.terminal import say

_FLAG = "reward_funcs"
_SETTINGS = ("cosine_", "repetition_", "soft_")  # what ms-swift's own rewards read in `args`


def audit_rewards(recipe: Recipe, stops: bool) -> list[RecipeFinding]:
    """Return a finding for each flawed reward, which stops the training or not.

    A reward that looks at no answer is a flaw only where all of them do.
    """
    tell = recipe.fail if stops else recipe.warn
    files = [path for _, path in data_files(recipe) if path.suffix == ".jsonl"]
    if not files:
        fix = "audit by hand: swiftkit audit REWARD --data FILE"
        return [recipe.warn(_FLAG, "no audit: the data is no local JSON Lines file", fix)]
    findings, reports = [], []
    for name in recipe.get_list(_FLAG):
        reward = f"{_plugin_of(name, recipe)}{name}"
        shown = f"swiftkit audit {reward} --data {files[0]}"
        say(f"AUDIT: {shown} ...")
        options = AuditOptions(
            reward,
            files[0],
            settings=_settings(recipe),
            variables=recipe.file_environment,
            auxiliary=True,
        )
        try:
            report = audit(options)
        except SwiftkitError as error:
            findings.append(tell(_FLAG, f"no audit: {error}", f"mend it, or look: {shown}"))
            continue
        reports.append(report)
        if report.flaws:
            message = f"the audit of {name} finds {', '.join(report.flaws)}"
            findings.append(tell(_FLAG, message, f"look: {shown}; AUDIT=warn goes on"))
    if reports and all(map(_ignores_answer, reports)):
        message = "no reward looks at the answer: the form alone would be learnt"
        findings.append(tell(_FLAG, message, "add one that does"))
    return findings


def _plugin_of(name: str, recipe: Recipe) -> str:
    """Return "FILE:" for the plugin that speaks of a reward; "" for one that others register."""
    if name in REWARDS:
        return ""
    for plugin in recipe.get_list("external_plugins"):
        file = Path(plugin)
        if file.suffix == ".py" and file.is_file():
            text = file.read_text(encoding="utf-8", errors="replace")
            if name in text:
                return f"{plugin}:"
    return ""


def _settings(recipe: Recipe) -> dict[str, Any]:
    settings = {}
    for flag, values in recipe.settings.items():
        if flag.startswith(_SETTINGS) and len(values) == 1:
            value = decode_or_none(values[0])
            settings[flag] = values[0] if value is None else value
    return settings


def _ignores_answer(report: AuditReport) -> bool:
    return any(fault.name == "ignores_answer" for fault in report.faults)
