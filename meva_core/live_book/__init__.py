"""What an account holds and how it came to be: fills, flows, lots and average cost, peaks, alarms."""
