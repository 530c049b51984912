"""The engine's steps, one module each. `meva_core.cycle` shows them in their order.

Their kernels call the same things by the same letters, and so do those of `journal`, `ledger` and `rules`:

| letter | what |
|---|---|
| `c` | the cycle: a row of the columns of a market, of inputs and of what steps write |
| `i` | the symbol: a position in the run's sorted symbols |
| `k` | the order: a place in the state's table of open orders |
| `m` | `Market`: what was recorded, as known at each cycle |
| `x` | `Inputs`: what reaches a cycle from outside the market |
| `r` | `Rules` of the exchange, by symbol |
| `p` | `Params`: the settings as integers |
| `s` | `State`: what a next cycle needs, carried along and changed in place |
| `j` | `Journal`: intents, order events and fills, appended to |
| `w` | `Scratch`: room to work in, of no meaning beyond its cycle |
| `o` | what the step writes, and nothing else does |

What a step reads of those above it is called by their deed: `measured`, `assessed`, `chosen` (by `select`),
`planned`. In `amounts`, below all of them, letters are numbers.
"""
