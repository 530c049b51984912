"""The exchange itself: accounts, books and matching.

Pure: time and funds come in as arguments, events go out as values.
All amounts are integers of 10^-8. What holds after every call, whatever the calls were (`audit.faults_of`
checks it):

1. Nothing free or locked is ever negative.
2. Per asset, what all accounts hold plus collected fees and taxes equals what was deposited.
3. What an account has locked is exactly what its open orders reserve.
4. A book is never crossed, and within a price the older order trades first.
"""
