"""The tests of Penstock; run them with `make test`."""
