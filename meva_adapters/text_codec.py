"""Texts as bytes: Zstandard. What a cycle decided by repeats its names a hundred times over."""

from __future__ import annotations

from typing import Final

import zstandard

from meva_core.errors import StoreCorrupt

_LEVEL: Final = 3
_MOST: Final = 2**28
"""No text is longer: bytes that claim to be are not ours."""


class ZstdTexts:
    """The port `TextCodec`; one thread at a time."""

    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
        self._decompressor = zstandard.ZstdDecompressor()

    def pack(self, text: str) -> bytes:
        """Return a text, packed."""
        return self._compressor.compress(text.encode())

    def unpack(self, packed: bytes) -> str:
        """Return the text that was packed. Raises StoreCorrupt for bytes that are none."""
        try:
            size = zstandard.frame_content_size(packed)
            if not 0 <= size <= _MOST:
                raise StoreCorrupt(f"a packed text claims {size} bytes")
            raw = self._decompressor.decompress(packed, max_output_size=size) if size else b""
            return raw.decode()
        except (zstandard.ZstdError, UnicodeDecodeError) as error:
            raise StoreCorrupt(f"a text cannot be unpacked: {error}") from error
