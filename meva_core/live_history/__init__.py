"""What the books of Stages 3 and 4 say once they are stored: orders, fills, holdings, profit, cycles and why,
alarms, taxes. It reads, and changes nothing but a peak that a person resets."""
