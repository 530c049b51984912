"""What keeps a write from being sent: the kill switch, and the permit that each write asks for."""
