"""Who answers: any "Is it a(n) X?" from WordNet's hypernyms, anything else "I don't know."

X is any noun that WordNet has, of one word or several, in the singular or the plural, in any of its
senses. The object itself is one sense only: the bird "duck" is an animal and no poultry.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from qsft.tasks.twenty_questions.objects import Object, load_objects
from qsft.tasks.twenty_questions.wordnet import WordNet, WordNetError


class Answer(StrEnum):
    YES = "Yes."
    NO = "No."
    UNKNOWN = "I don't know."


_QUESTION = re.compile(r"is (?:it|this|that|the object) (.+)")
_ARTICLE = re.compile(r"(?:an?|some|any|the) (.+)")
_KIND = re.compile(r"(?:kind|type|sort|form|piece) of (?:an? )?(.+)")
# WordNet's detachment rules (morphy(7WN)), of endings that are more than a letter first.
_PLURALS = (
    ("ches", "ch"),
    ("shes", "sh"),
    ("ses", "s"),
    ("xes", "x"),
    ("zes", "z"),
    ("ies", "y"),
    ("ves", "f"),
    ("ves", "fe"),
    ("men", "man"),
    ("s", ""),
)
_IRREGULAR_PLURALS = {
    "children": "child",
    "feet": "foot",
    "geese": "goose",
    "mice": "mouse",
    "oxen": "ox",
    "teeth": "tooth",
}


@dataclass(frozen=True, slots=True)
class Oracle:
    """Knows everything that each object is."""

    wordnet: WordNet
    synsets: Mapping[Object, int]
    ancestors: Mapping[Object, frozenset[int]]

    def answer(self, question: str, hidden: Object) -> Answer:
        noun = self._noun(question)
        if noun is None:
            return Answer.UNKNOWN
        is_one = not self.ancestors[hidden].isdisjoint(self.wordnet.synsets[noun])
        return Answer.YES if is_one else Answer.NO

    def is_correct_guess(self, question: str, hidden: Object) -> bool:
        """Whether the question names the object: by its phrase, or by a word that means it first.

        A word that may also mean it is no guess: a car is a "machine" in one of the word's senses.
        """
        noun = self._noun(question)
        if noun is None:
            return False
        return noun == _noun_of(hidden) or self.wordnet.synsets[noun][0] == self.synsets[hidden]

    def _noun(self, question: str) -> str | None:
        """The noun that the question asks about, if it is of the form that can be answered."""
        asked = _QUESTION.fullmatch(" ".join(question.lower().rstrip("?. \n").split()))
        if asked is None:
            return None
        phrase = asked[1]
        with_article = _ARTICLE.fullmatch(phrase)
        bare = with_article is None
        noun = phrase if with_article is None else with_article[1]
        if bare and not self._is_noun_without_article(noun):
            return None
        found = self._lemma(noun)
        if found is None and not bare and (kind := _KIND.fullmatch(noun)):
            found = self._lemma(kind[1])
        return found

    def _is_noun_without_article(self, word: str) -> bool:
        """ "Is it orange?" asks about a color, "Is it in?" about neither indium nor an inch."""
        if any(word == item.phrase for item in self.synsets):
            return True
        return len(word) > 2 and word not in self.wordnet.adjectives

    def _lemma(self, noun: str) -> str | None:
        spellings = (noun, noun.replace("-", " "))
        return next(
            (
                singular
                for spelling in spellings
                for singular in _singulars(spelling)
                if singular in self.wordnet.synsets
            ),
            None,
        )


def make_oracle(wordnet: WordNet) -> Oracle:
    """An oracle for this package's objects."""
    for item in load_objects():
        if item.sense_key not in wordnet.senses:
            raise WordNetError(f"this WordNet has no sense {item.sense_key} ({item.phrase})")
    synsets = {item: wordnet.senses[item.sense_key] for item in load_objects()}
    ancestors = {item: wordnet.ancestors(synset) for item, synset in synsets.items()}
    return Oracle(wordnet, synsets, ancestors)


def _noun_of(item: Object) -> str:
    with_article = _ARTICLE.fullmatch(item.phrase)
    return item.phrase if with_article is None else with_article[1]


def _singulars(noun: str) -> Iterator[str]:
    """The noun as it is, then what it may be the plural of: "birds of prey" → "bird of prey"."""
    yield noun
    words = noun.split(" ")
    for place in {len(words) - 1: None, 0: None}:
        for singular in _singular_words(words[place]):
            yield " ".join([*words[:place], singular, *words[place + 1 :]])


def _singular_words(word: str) -> Iterator[str]:
    if word in _IRREGULAR_PLURALS:
        yield _IRREGULAR_PLURALS[word]
    for ending, singular_ending in _PLURALS:
        if word.endswith(ending):
            yield word.removesuffix(ending) + singular_ending
