"""Export: from a training checkpoint to the folder that the server loads.

    builder  →  decoder_graph  →  step_graph  →  manifest  →  verify
    weights     one model with     both models    policy.json  PyTorch against
    to ONNX     the contract's     and their                   ONNX Runtime
                inputs             combination

`pipeline.export_policy` runs the chain in a temporary folder and renames it only if it verifies.
"""
