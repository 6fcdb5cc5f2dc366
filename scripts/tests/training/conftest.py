"""A small run on games of Wordle, from a fresh model or from a base."""

from dataclasses import replace
from pathlib import Path

import pytest
from small_llama import SHAPE
from wordle_runs import STAGE, STEPS, save_llama_base

from qsft.config import DataConfig, RewardConfig, RunConfig, ValueConfig
from qsft.encoding import encode_trajectories, save_encoded
from qsft.tasks.wordle.data import generate_games
from qsft.tasks.wordle.tokenizer import LEFTOVER, RESERVED, build_tokenizer, save_tokenizer


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    save_tokenizer(folder)
    for seed, split in enumerate(("train", "held-out")):
        games = list(generate_games(40, seed, fitting_share=0.3))
        save_encoded(folder / f"{split}.npz", encode_trajectories(games, build_tokenizer(), 61))
    return folder


@pytest.fixture
def config(data_folder: Path) -> RunConfig:
    return RunConfig(
        task="wordle",
        data=DataConfig(
            train=str(data_folder / "train.npz"),
            held_out=str(data_folder / "held-out.npz"),
            tokenizer=str(data_folder),
            max_tokens=61,
            reserved_tokens=RESERVED,
            leftover_token=LEFTOVER,
        ),
        reward=RewardConfig(-6.0, 0.0),
        model=SHAPE,
        pretrain=STAGE,
        behavior=STAGE,
        # Returns first, then the most probable token's ratio: no weight is clamped, all follow θ̄.
        value=ValueConfig(
            STEPS,
            batch_size=8,
            learning_rate=3e-2,
            warmup_steps=2,
            support_threshold=1.0,
            smoothing="leftover",
            return_steps=2,
            target_rate=0.3,
        ),
        log_every=2,
        evaluate_every=4,
        checkpoint_every=3,
        evaluation_batch_size=16,
    )


@pytest.fixture
def on_base(config: RunConfig, tmp_path: Path) -> RunConfig:
    """A run that takes its tokenizer from its base."""
    base = save_llama_base(tmp_path / "base")
    return replace(config, model=base, data=replace(config.data, tokenizer=None))
