"""What can be asked of a server, by subject; the clients and the handles of runs are made of it."""
