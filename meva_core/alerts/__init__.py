"""What people are told of a book while they do something else: what is worth an alert, when it is told, and
the queue in the database that it goes through."""
