"""What a book and its cycles leave in the database, and how it is read back."""
