"""A backtest in one call, without a database, for notebooks and scripts; and stored runs and books beside it.

    from meva_adapters.notebook import backtest, history, open_run

    run = backtest("replay/sample", DRY_RUN_TRY_BALANCE=100000, STAGE7_FEES_BPS=12.5)
    print(run)                            # the page of figures
    run                                   # in a notebook: that page, and equity over time
    run.figures["sharpe_ratio"]           # return, risk, costs, trades: docs/reference/figures.md
    run.summary["net_pnl_try"]            # what `meva backtest` prints besides; a Decimal
    run.why()                             # what let its cycles trade, or kept them from it
    run.equity, run.fills, run.trades     # Arrow tables, exact; also cycles, symbols, intents, positions
    run.plot(), run.plot("BTCTRY")        # equity with modes and fills; marks of a symbol with its fills
    run.to_pandas("equity", exact=False)  # with pandas installed; floats for its plots
    run.compare(other)                    # figures side by side, and the settings that differ
    backtest({"BTCTRY": frame}, stamp="open", spread_bps=10)    # candles of a data frame
    open_run("demo.db"), open_run("live.db", book="main")       # the same views of what is stored
    backtest("replay/sample", strategy=Momentum(closes=90))     # a strategy says what is to be held
    history("replay/sample", Momentum(closes=90))               # what it sees, to be played with

The fingerprint is the one that `meva backtest` records for the same data and settings. Everything of the run
is held in memory: about 1.3 KB a cycle with five symbols.
"""

from meva_adapters.notebook.looking import history
from meva_adapters.notebook.ran import Backtest
from meva_adapters.notebook.running import backtest
from meva_adapters.notebook.shown import Comparison, Why
from meva_adapters.notebook.stored import Stored, open_run
from meva_adapters.notebook.views import Views

__all__ = ["Backtest", "Comparison", "Stored", "Views", "Why", "backtest", "history", "open_run"]
