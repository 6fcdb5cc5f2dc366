"""The policy itself in Python: how two models become one distribution, and how it is sampled.

The server's TypeScript is held to these functions by `test/fixtures/parity.json`.
"""
