"""Which dataset a command is about."""

from __future__ import annotations

from pathlib import Path

from meva_cli.load import settings_for
from meva_core.errors import BadInput


def dataset_folder(folder: Path | None) -> Path:
    """Return the folder of the argument, or else of the settings; raise BadInput if neither names one."""
    if folder is not None:
        return folder
    named = settings_for().settings.state.replay_dataset
    if named is None:
        raise BadInput("no dataset is named", action="name its folder, or set MEVA_REPLAY_DATASET")
    return Path(named)
