"""The subcommands of `qsft`: each module's docstring is its help."""
