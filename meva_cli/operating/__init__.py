"""`meva run stage3` and `stage4`: a run put together, who holds the account, what is told of cycles."""
