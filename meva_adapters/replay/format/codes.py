"""Every fault that validation knows, by its code: the words that users and scripts may rely on."""

from __future__ import annotations

from typing import Final

ERRORS: Final[dict[str, str]] = {
    # the folder
    "missing_dataset": "there is no such folder",
    "not_a_folder": "the dataset, or one of its folders, is something else",
    "missing_folder": "`candles` or `orderbook` is missing",
    "no_symbols": "no data files at all",
    "misplaced_file": "a CSV or Parquet file beside the folders instead of in one",
    "bad_symbol": "a file name that is no symbol",
    "archive": "archives are not read",
    "link_outside": "a link that leads out of the dataset",
    "not_a_file": "a folder, pipe or device where a file should be",
    "unreadable": "the system refuses to read it",
    "file_changed": "it changed while it was read",
    "two_formats": "one table as CSV and as Parquet",
    "no_orderbook": "a symbol without an order book",
    # the file
    "not_parquet": "not a Parquet file, or a damaged one",
    "column_type": "a Parquet column of doubles, of integers without a unit, or of times without a zone",
    "empty_file": "no bytes",
    "bom": "a byte order mark",
    "header": "not the header of a file in this folder",
    "no_rows": "nothing below the header",
    "too_few_rows": "too few rows to tell a step",
    # the line
    "blank_line": "nothing but white space",
    "repeated_header": "the header again",
    "ragged_row": "more or fewer cells than the header",
    "long_line": "more bytes than a line may have",
    # the cell
    "timestamp": "not a time from 1970 on, or a date that does not exist",
    "empty_cell": "nothing where a number must be",
    "not_a_number": "anything but plain digits with at most one point between them",
    "not_finite": "NaN or an infinity",
    "negative": "a quantity with a minus sign",
    "non_positive_price": "a price of zero or less",
    "too_many_digits": "more than eight decimal places that are not zero",
    "too_large": "92 000 000 000 or more; base volume alone may be larger",
    "long_cell": "more bytes than a cell may have",
    "quote": "a quotation mark",
    "nul": "a NUL byte",
    "lone_cr": "a carriage return that ends no line",
    "not_ascii": "a letter or digit outside ASCII",
    # rows together
    "order": "earlier than the row before",
    "duplicate_stamp": "a second candle with one stamp",
    "high_below_low": "a high below the low",
    "known_fraction": "known at no whole second",
    "known_too_early": "known more than two seconds before its own stamp",
    # the documents
    "exchangeinfo": "not the exchange's metadata",
    "manifest": "not a manifest",
    "known_opening": "`stamp` is `open`, but candles say when they were known",
    "unnamed_symbol": "data of a symbol that the manifest's symbols do not name",
    "manifest_path": "the manifest names something that is no file of a dataset",
    "listed_file_missing": "the manifest lists it, but it is not there",
    "checksum": "the content is not what the manifest vouches for",
    "row_count": "the number of rows is not what the manifest says",
    "recorded_run": "what lies beside the market of a run is not as `meva replay export` writes it",
}
"""A dataset with one of these never starts a run."""

WARNINGS: Final[dict[str, str]] = {
    "opening_stamps": "closes fit the order book one step later: candles stamped at their opening, it seems",
    "gap": "more than ten steps without a row",
    "not_later": "known later than a row with a later stamp, or the same: it is passed over",
    "crossed_book": "a bid above the ask: no mid, no fills",
    "price_outside_range": "a candle's open or close outside its own low and high",
    "unfinished_line": "the last line has no end, as if it had been cut",
    "no_candles": "a symbol without candles: its volatility stays unknown",
    "no_ticker": "a symbol without a ticker where others have one: its candles stand in",
    "ignored_file": "neither a CSV nor a Parquet file; it is not read",
    "unlisted_file": "the manifest does not list it, so nothing vouches for it",
}

MORE: Final = "more_faults"
"""Stands at the end of a file's errors, or warnings, where more were found than are listed."""
