"""The use cases: what a command or a notebook asks for, over ports."""
