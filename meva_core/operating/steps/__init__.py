"""The steps of a cycle of Stages 3 and 4, one module each, from the market to what is sent."""
