"""What may have to be found: 158 objects in 17 categories, each one sense of WordNet."""

from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class Object:
    """`phrase` is how a question names it, with its article: "a dog", "coffee"."""

    category: str
    phrase: str
    sense_key: str


@cache
def load_objects() -> tuple[Object, ...]:
    """The objects of `objects.tsv`, in its order."""
    text = (resources.files(__package__) / "objects.tsv").read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return tuple(Object(*line.split("\t")) for line in lines)
