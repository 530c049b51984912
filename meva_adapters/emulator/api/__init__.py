"""The exchange's REST API as a function from calls to replies: no socket, no clock of its own."""
