"""The machine that Meva runs on: clock and logs."""
