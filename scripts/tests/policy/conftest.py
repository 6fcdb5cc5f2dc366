from hypothesis import settings

# The first example pays for loading PyTorch; a slow machine is no failure.
settings.register_profile("qsft", deadline=None)
settings.load_profile("qsft")
