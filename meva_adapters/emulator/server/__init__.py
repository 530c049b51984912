"""The emulator as a server: sockets around the API and the stream. Needs the extra `meva[emulator]`."""
