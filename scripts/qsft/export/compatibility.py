"""What must hold between the two models and the options before one policy can be made of them."""

from collections.abc import Mapping

from qsft.export.builder import DecoderShape
from qsft.export.contract import ModelRole
from qsft.export.options import ExportError, ExportOptions


def check_compatible(shapes: Mapping[ModelRole, DecoderShape], options: ExportOptions) -> None:
    """Same tokens and positions in both models, and every id of the options among the tokens."""
    behavior, value = shapes["behavior"], shapes["value"]
    for field in ("vocab_size", "max_length"):
        ours, theirs = getattr(behavior, field), getattr(value, field)
        if ours != theirs:
            raise ExportError(f"{field}: behavior has {ours}, value has {theirs}")
    for field in ("eos_token_ids", "reserved_token_ids"):
        for token_id in getattr(options, field):
            if not 0 <= token_id < behavior.vocab_size:
                raise ExportError(f"{field}: {token_id} is not in [0, {behavior.vocab_size})")
    if not 0 < options.support_threshold < 1:
        raise ExportError(f"support_threshold: {options.support_threshold} is not in (0, 1)")
    template = options.fill_in_the_middle
    if template is not None and not ("{prefix}" in template and "{suffix}" in template):
        raise ExportError(f"fill_in_the_middle: {template!r} has no {{prefix}} or no {{suffix}}")
