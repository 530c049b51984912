"""How a command ends: every error becomes one clear message and one of four exit codes.

0 done; 1 the work failed, or a comparison found a difference; 2 it may not start: bad input, an unusable or
busy database; 130 interrupted. Only `--debug` shows a traceback.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple, TextIO

import click

from meva_cli.signals import INTERRUPTED

DONE: Final = 0
FAILED: Final = 1
MAY_NOT_START: Final = 2
_NO_MEMORY: Final = (
    "failed to map segment",
    "Cannot allocate memory",
    "can't start new thread",
    "Failed to launch worker thread",
)
"""What the loader, the system, Python and Arrow say when memory ran out, each under an error of its own."""
_WORD: Final = 600
_LONG_WORD: Final = re.compile(rf"\S{{{_WORD},}}")
# Names have bounds: else a long word is gone through again from each of its letters.
_LOGIN: Final = re.compile(r"([\w+.-]{1,64}:(?://[\w.%+-]{0,256}:)?)(?!//[^\s:@]*@)[^\s'\"]*@")
_ASSIGNED: Final = re.compile(
    r"(?i)(\b\w{0,64}(?:password|passwd|pwd|api_?secret|api_?key)\w{0,64}\s{0,8}=\s{0,8})[^\s&'\"]+"
)


class Ending(NamedTuple):
    """What is said about an error, and the exit code."""

    exit_code: int
    code: str
    message: str
    action: str = ""


def end_of(command: Callable[[], Any], arguments: Sequence[str]) -> int:
    """Run a command, say how it failed if it did, and return its exit code."""
    try:
        result = command()
        sys.stdout.flush()
    except SystemExit as error:  # click leaves this way when the reader of our output has gone
        return error.code if isinstance(error.code, int) else FAILED
    except BrokenPipeError:
        _drop(sys.stdout)
        return FAILED
    except BaseException as error:  # noqa: BLE001 - nothing else may leave the program
        return _say(error, arguments)
    # `ctx.exit(1)` comes back as the result.
    return result if isinstance(result, int) else DONE


def _say(error: BaseException, arguments: Sequence[str]) -> int:
    ending = ending_of(error, arguments)
    try:
        if "--debug" in arguments:
            # Imported here: it costs a quick command more than all its own work.
            import traceback

            click.echo(without_secrets("".join(traceback.format_exception(error))), err=True, nl=False)
        if "--json" in arguments:
            _say_json(ending)
        else:
            if isinstance(error, click.UsageError) and error.ctx:
                click.echo(_usage(error.ctx), err=True)
            _say_text(ending)
    except BrokenPipeError:
        _drop(sys.stdout)
    except OSError:  # the disk that stdout goes to is full: this must still be said
        _drop(sys.stdout)
        with suppress(OSError):  # stderr is gone, too: the terminal was closed
            _say_text(ending)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # what it holds back cannot be written: Python would try once more, and end with 120
            _drop(stream)
    return ending.exit_code


def _say_text(ending: Ending) -> None:
    for line in ending.message.splitlines() or [""]:
        click.echo(f"Error: {line}", err=True)
    if ending.action and ending.code != "usage":
        click.echo(f"To do: {ending.action}", err=True)


def _usage(ctx: click.Context) -> str:
    """Return how the command is called, and where more is said about it."""
    names = ctx.help_option_names
    hint = f"\nTry '{ctx.command_path} {names[0]}' for help.\n" if names else ""
    return ctx.get_usage() + hint


def _say_json(ending: Ending) -> None:
    from meva_cli.render import print_json

    print_json({"error": {"code": ending.code, "message": ending.message, "action": ending.action}})
    sys.stdout.flush()


def ending_of(error: BaseException, arguments: Sequence[str] = ()) -> Ending:
    """Return how a command line that raised `error` ends. No word of it is secret, or too long to read."""
    ending = _ending(error, arguments)
    return ending._replace(message=_readable(ending.message), action=_readable(ending.action))


def without_secrets(text: str) -> str:
    """Return a text in which no address shows who logs in there, no assignment a password, and nothing a
    secret of the settings, if they were read."""
    if (redaction := sys.modules.get("meva_adapters.system.redaction")) is not None:
        text = redaction.redacted(text)
    if "@" in text:
        text = _LOGIN.sub(r"\1***@", text)
    return _ASSIGNED.sub(r"\1***", text)


def _readable(text: str) -> str:
    text = without_secrets(text)
    return _LONG_WORD.sub(lambda found: f"{found[0][: _WORD // 2]}...", text)


def _ending(error: BaseException, arguments: Sequence[str]) -> Ending:
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return Ending(INTERRUPTED, "interrupted", "interrupted", _going_on(arguments))
    if isinstance(error, click.ClickException):
        code = "usage" if isinstance(error, click.UsageError) else "bad_input"
        action = ""
        if isinstance(error, click.UsageError) and error.ctx:
            action = f"see {error.ctx.command_path} --help"
        return Ending(MAY_NOT_START, code, error.format_message(), action)
    if not _is_of_strategy(error) and _is_lack_of_memory(error):
        return Ending(
            FAILED,
            "out_of_memory",
            "there is not enough memory for this",
            "free some, raise the limit (ulimit -v, the container's), or ask for less at a time",
        )
    if isinstance(error, OSError):
        return _ending_of_os(error)
    return _ending_of_meva(error)


def _is_of_strategy(error: BaseException) -> bool:
    """Whether it is a strategy that failed: that names it, whatever was behind it."""
    return getattr(error, "code", "") == "strategy_failed"


def _is_lack_of_memory(error: BaseException | None) -> bool:
    """Whether memory ran out: for data, for a library that could not be loaded, or for a thread. A library
    that could not load another one may say something else, with that behind it."""
    while error is not None:
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
            return True
        if isinstance(error, Exception) and any(word in str(error) for word in _NO_MEMORY):
            return True
        error = error.__cause__ or error.__context__
    return False


def _going_on(arguments: Sequence[str]) -> str:
    """Return what goes on with an interrupted command: a backtest keeps what it recorded."""
    words = [word for word in arguments if not word.startswith("-") and word not in ("text", "json")]
    if words[:1] in (["backtest"], ["stage7-backtest"]) and "--resume" not in arguments:
        return "run the same command with --resume: it goes on after what is recorded"
    return "run the same command again"


def _ending_of_os(error: OSError) -> Ending:
    """Return the ending for a refusal by the system: a wrong path may not start, a full disk fails."""
    wrong_path = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError)
    message = error.strerror or str(error)
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    if error.filename is not None or full:
        # Files are written under their names; what has none is what the command prints.
        message = f"{os.fsdecode(error.filename) if error.filename is not None else 'stdout'}: {message}"
    action = "free some disk space, or send the output to another disk" if full else _other_path(error)
    exit_code = MAY_NOT_START if isinstance(error, wrong_path) else FAILED
    return Ending(exit_code, "os_error", message, action)


def _other_path(error: OSError) -> str:
    """Return what to do about a path that the system refuses; nothing where it is another refusal."""
    if error.filename is None:
        return ""
    path = os.fsdecode(error.filename)
    folder, name = os.path.split(os.path.abspath(path))
    if isinstance(error, FileNotFoundError):
        if not os.path.isdir(folder):
            return f"mend the path, or make the folder: there is no {folder}"
        return f"mend the path: there is no {name} in {folder}"
    if isinstance(error, IsADirectoryError):
        return "name a file in it"
    if isinstance(error, NotADirectoryError):
        return "mend the path: what should be a folder in it is none"
    if isinstance(error, FileExistsError):
        return "name another path, or move away what is there"
    return (
        "name another path, or let this user read and write it" if isinstance(error, PermissionError) else ""
    )


def _ending_of_meva(error: BaseException) -> Ending:
    # Imported here: `meva --help` needs no error.
    from meva_core.errors import (
        BadInput,
        CycleNotStored,
        IdTaken,
        LeaseLost,
        MevaError,
        OutcomeNotRecorded,
        StoreError,
    )

    if isinstance(error, MevaError):
        failed = isinstance(error, CycleNotStored | IdTaken | LeaseLost | OutcomeNotRecorded)
        may_not_start = isinstance(error, BadInput | StoreError) and not failed
        return Ending(MAY_NOT_START if may_not_start else FAILED, error.code, str(error), error.action)
    name = type(error).__name__
    return Ending(
        FAILED,
        "bug",
        f"{name}: {error}" if str(error) else name,
        "this is a fault of Meva; run again with `meva --debug ...` and report what it shows",
    )


def _drop(stream: TextIO) -> None:
    """Point a stream nowhere, so that the interpreter's last flush does not fail on it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
