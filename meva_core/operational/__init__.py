"""What a cycle of Stages 3 and 4 decides: one pure function of one document."""
