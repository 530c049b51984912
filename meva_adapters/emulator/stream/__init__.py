"""The stream as values: frames, what a session has joined, and who is told what. No socket in here."""
