"""What parity vectors are made for: prompts, policies, samplings, edits, seeds, and their mixes."""

from dataclasses import dataclass, replace

from qsft.policy.extraction import PolicyParameters
from qsft.policy.sampling import SamplingParameters
from qsft.policy.score_edits import ScoreEdits

PROMPTS = [
    "Wordle:\n",
    "Wordle:\ns h i r e\nb y g g b\n",
    "Wordle:\nc r a n e\nb b y b g\ns l a t e\ng b y b g\ns",
    "q z j x v\n",
]
POLICIES = [
    PolicyParameters("kl", 0.0, "probability"),
    PolicyParameters("kl", 1.0, "probability"),
    PolicyParameters("kl", 4.0, "probability"),
    PolicyParameters("kl", 64.0, "probability"),
    PolicyParameters("kl", 4.0, "ratio"),
    PolicyParameters("entropy", 8.0, "probability"),
    PolicyParameters("entropy", 2.0, "ratio"),
    PolicyParameters("greedy", 7.0, "probability"),
    PolicyParameters("greedy", 7.0, "ratio"),
    PolicyParameters("behavior", 7.0, "probability"),
    PolicyParameters("behavior", 7.0, "ratio"),
]
SAMPLINGS = [
    SamplingParameters(),
    SamplingParameters(temperature=0.0, top_k=3, top_p=0.5),
    SamplingParameters(temperature=0.5),
    SamplingParameters(temperature=2.0),
    SamplingParameters(top_k=5),
    SamplingParameters(top_k=1),
    SamplingParameters(top_p=0.9),
    SamplingParameters(temperature=1.5, top_k=10, top_p=0.5),
    SamplingParameters(min_p=0.25),
    SamplingParameters(temperature=2.0, top_k=6, top_p=0.9, min_p=0.1),
]
NO_EDITS = ScoreEdits()
EDITS = [
    NO_EDITS,
    ScoreEdits(repetition_penalty=1.5),
    ScoreEdits(repetition_penalty=0.8, presence_penalty=0.5),
    ScoreEdits(presence_penalty=-1.5, frequency_penalty=0.75),
    ScoreEdits(frequency_penalty=2.0, logit_bias=((5, 3.5), (1, -100.0), (0, 100.0))),
    ScoreEdits(min_tokens=3),
    ScoreEdits(2.0, 1.0, -0.5, ((2, 0.25), (4, -1.0)), 2),
    ScoreEdits(allowed_token_ids=(1, 3, 6, 7)),
    ScoreEdits(banned_sequences=((3,), (5, 4), (4, 4, 6))),
    ScoreEdits(1.5, min_tokens=2, allowed_token_ids=(4, 5), banned_sequences=((4,), (5,), (5, 4))),
]
SEEDS = [0, 1, 7, -1, 123456789, 2**32, 2**53 - 1, 1 - 2**53]
SEQUENCES = 48
EDITED_SEQUENCES = 40
MAX_TOKENS = 12
STOP_TOKEN_IDS = (9, 17, 30)


@dataclass(frozen=True)
class Request:
    """A request whose sampled tokens are stored."""

    prompt: str
    policy: PolicyParameters
    sampling: SamplingParameters
    seed: int
    choice: int
    edits: ScoreEdits = NO_EDITS
    ignore_eos: bool = False
    stop_token_ids: tuple[int, ...] = ()


def requests() -> list[Request]:
    """Every policy, sampling, seed and set of edits appears, in different company."""
    plain = [
        Request(
            prompt=PROMPTS[i % len(PROMPTS)],
            policy=POLICIES[i % len(POLICIES)],
            sampling=SAMPLINGS[i // 4 % len(SAMPLINGS)],
            seed=SEEDS[i // 2 % len(SEEDS)],
            choice=i % 3,
        )
        for i in range(SEQUENCES)
    ]
    edited = [
        replace(
            plain[i],
            edits=EDITS[i % len(EDITS)],
            ignore_eos=i % 2 == 0,
            stop_token_ids=STOP_TOKEN_IDS if i % 3 == 0 else (),
        )
        for i in range(EDITED_SEQUENCES)
    ]
    return plain + edited
