"""Where the markets come from: metadata, seeded or recorded prices, makers, candles, daily figures."""
