"""The command line of Meva: it reads settings, wires adapters to the core and prints."""
