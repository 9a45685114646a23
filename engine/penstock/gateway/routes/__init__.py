"""The routes, a small file for each kind of resource; each has a table ROUTES."""
