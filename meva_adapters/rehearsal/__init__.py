"""A rehearsal of Stages 3 and 4: an account at an exchange that exists in this process alone, where all goes
wrong that may, drawn from one number.

The core and the database are the real ones. The exchange keeps books of its own, which are what is true.
Nothing sleeps, nothing is sent anywhere, and the same seed comes to the same end.
"""
