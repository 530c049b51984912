"""The domain of Meva: pure values, rules and the engine. Importing it touches nothing."""
