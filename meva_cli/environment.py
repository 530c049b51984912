"""What the environment alone says (`names.ENVIRONMENT_ONLY`), read apart from any setting."""

from __future__ import annotations

from collections.abc import Mapping

from meva_core.errors import BadInput


def is_warming(environment: Mapping[str, str]) -> bool:
    """Whether MEVA_WARM lets what is compiled beside a run be finished after it; it does where it is not set.

    Raises BadInput for one that is neither on nor off.
    """
    from meva_core.settings.kinds import Flag

    text = environment.get("MEVA_WARM") or "on"
    try:
        return Flag().parse(text)
    except ValueError:
        raise BadInput(
            f"MEVA_WARM: {text!r} from the environment is neither on nor off",
            action="set it to off, or take it out of the environment",
        ) from None
