"""The engine's steps, one module each. `meva_core.cycle` shows them in their order."""
