"""A local exchange that speaks BTCTurk's API: accounts, matching, limits, faults, over REST and WebSocket."""
