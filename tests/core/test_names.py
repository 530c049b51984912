"""What `import meva_core` gives: the names that a notebook begins with; none is loaded before it is used."""

import subprocess
import sys

import pytest

import meva_core

LISTED = """
import sys
import meva_core
assert not [name for name in sys.modules if name.startswith("meva_core.")], "loaded already"
meva_core.Side
loaded = sorted(name for name in sys.modules if name.startswith("meva_core."))
assert "numpy" not in sys.modules and "meva_core.orders" in loaded, loaded
"""


@pytest.mark.parametrize("name", meva_core.__all__)
def test_each_name_that_is_listed_is_there(name):
    assert getattr(meva_core, name) is not None
    assert name in dir(meva_core)


def test_a_name_that_is_not_there_is_no_attribute():
    with pytest.raises(AttributeError, match="no attribute 'Sides'"):
        _ = meva_core.Sides


def test_a_name_loads_what_it_needs_and_no_more():
    done = subprocess.run([sys.executable, "-c", LISTED], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_names_work_together():
    from meva_core import FallbackRules, Side, quantize, symbol_rules

    entry = {"numeratorScale": 8, "denominatorScale": 0, "minTotalAmount": "99.91"}
    rules = symbol_rules("BTCTRY", entry, FallbackRules())
    price, qty, code = quantize(rules, Side.BUY, "2500000.7", "0.00123456789"[:10])
    assert (str(price), str(qty), code.text) == ("2500000", "0.00123456", "ok")
