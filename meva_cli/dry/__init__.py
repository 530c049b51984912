"""A book of simulated money on the live market: who holds it, what it is made of, who hears of it."""
