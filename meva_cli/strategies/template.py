"""The file that a strategy begins with: it runs, and says what each part of it is for."""

from __future__ import annotations

import keyword
from pathlib import Path
from typing import Final

from meva_core.errors import BadInput

_TEMPLATE: Final = '''\
"""Say here what the idea is, and why it should earn more than it costs.

    meva strategy check {file}:{name} --data DIR
    meva backtest --data DIR --strategy {file}:{name} -p closes=90
"""

import numpy as np

from meva_core.strategy import History, Strategy, change, every, param, top


class {name}(Strategy):
    """Hold in equal parts what rose most over the lookback."""

    version = 1  # yours: runs record it
    # bars = "1h"  # the candles it looks at; without this the dataset's own

    # Parameters, with bounds: -p NAME=VALUE gives others, and so does [strategies.{id}] of meva.toml.
    closes = param(60, least=2, most=10_000, doc="bars that the rise is measured over")
    count = param(2, least=1, most=100, doc="symbols held")
    rebalance = param("1h", doc="how often it decides anew; in between it goes on as decided")

    def needs(self) -> int:
        """Say how many bars must lie before the first cycle: as many as one answer is made of."""
        return self.closes + 1

    def weights(self, h: History) -> np.ndarray:
        """Answer for many cycles at once: [cycles, symbols], each 0 to 1, a row at most 1 in all.

        h.open, h.high, h.low, h.close and h.volume are [bars, symbols]; h.bid, h.ask, h.mid, h.mark, h.last
        and others are what each cycle saw, [cycles, symbols]. What is not known is NaN. Rows below a cycle's
        own are its future: the helpers (shift, change, rolling_mean, rolling_std, rolling_max, rolling_min,
        ema, rank, top) look back only, and on_cycles takes for each cycle the newest finished bar.
        """
        rise = change(h.close, self.closes)  # [bars, symbols]
        chosen = top(rise, self.count)  # 1 for the chosen, 0 for the others; NaN is never chosen
        chosen = np.where(rise > 0, chosen, 0.0)  # what fell is not held: its share stays cash
        wished = h.on_cycles(chosen / self.count)  # [cycles, symbols]
        return every(self.rebalance, wished, h)  # NaN in between: go on as decided, so drift trades nothing
'''


def class_name_of(file: Path) -> str:
    """Return the class's name for a file's. Raises BadInput for a name that makes none."""
    name = "".join(part[:1].upper() + part[1:] for part in file.stem.replace("-", "_").split("_"))
    if file.suffix != ".py" or not (name.isascii() and name.isidentifier()) or keyword.iskeyword(name):
        raise BadInput(
            f"{file}: expected a name such as my_idea.py: letters, digits and _, which the class is named by",
            action="choose such a name",
        )
    return name


def template_of(name: str, file: Path) -> str:
    """Return the source of a strategy of this class in this file."""
    from meva_core.strategy.base import snake_case

    return _TEMPLATE.format(name=name, file=file.name, id=snake_case(name))
