"""What every test shares: one thread, so that results and times do not hang on the machine."""

import torch
from hypothesis import HealthCheck, settings

torch.set_num_threads(1)
# The first example pays for loading PyTorch; a slow machine is no failure.
settings.register_profile("qsft", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("qsft")
