"""A session on the CPU for any exported graph, with stand-ins for what it has no kernel of."""

from pathlib import Path

import onnx
from onnxruntime import InferenceSession, SessionOptions

from qsft.export.half_stand_in import without_half_precision
from qsft.export.paged_stand_in import without_paged_attention

WEIGHTS_FOLDER = "session.model_external_initializers_file_folder_path"


def open_on_cpu(path: Path, options: SessionOptions) -> InferenceSession:
    providers = ["CPUExecutionProvider"]
    model = onnx.load(path, load_external_data=False)
    stand_in = without_half_precision(without_paged_attention(model))
    if stand_in == model:
        return InferenceSession(str(path), options, providers=providers)
    options.add_session_config_entry(WEIGHTS_FOLDER, str(path.parent))
    return InferenceSession(stand_in.SerializeToString(), options, providers=providers)
