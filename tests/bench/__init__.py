"""The bench: `make bench` and `make bench-quick`. Never run by pytest."""
