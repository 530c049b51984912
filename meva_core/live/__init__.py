"""Orders that are really sent: where each stands, the one desk that sends and asks, and what fills book."""
