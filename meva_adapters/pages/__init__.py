"""Reports as pages of HTML: one file that asks no network for anything, and works without JavaScript."""
