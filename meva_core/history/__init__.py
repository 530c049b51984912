"""What stored cycles say: windows of them, what each says of itself, summaries, explanations, parity."""
