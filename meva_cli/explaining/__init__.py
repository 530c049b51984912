"""What `meva why` says of cycles of Stage 7, as JSON holds it and as people read it."""
