"""A run folder: what must agree before answers are mixed."""

from pathlib import Path

import msgspec
import pytest

from swiftkit.errors import UsageError
from swiftkit.evals.run_directory import RunConfig, RunDirectory, data_sha256


def test_resume_config_other_task_settings_are_refused(tmp_path: Path) -> None:
    """Another judge in the middle of a run would mix two measures."""
    run = RunDirectory(tmp_path / "run")
    config = RunConfig(
        "jsonl",
        "d",
        "s",
        "http://h/v1",
        "m",
        1,
        0.0,
        1,
        None,
        None,
        None,
        0,
        "1",
        {"judge": "http://a/v1"},
    )
    run.write_json("config.json", config)
    assert run.resume_config(config) == config
    with pytest.raises(UsageError, match="settings"):
        run.resume_config(msgspec.structs.replace(config, settings={"judge": "http://b/v1"}))


def test_data_sha256_covers_the_answers_beside_bfcls_questions(tmp_path: Path) -> None:
    """Another gold is other data, for a file and for its folder, which are the same data."""
    file, gold = tmp_path / "q.json", tmp_path / "possible_answer/q.json"
    file.write_text("{}\n")
    alone = data_sha256(file)
    gold.parent.mkdir()
    gold.write_text("1\n")
    before = data_sha256(file), data_sha256(tmp_path)
    gold.write_text("2\n")
    assert len({alone, *before, data_sha256(file), data_sha256(tmp_path)}) == 3
