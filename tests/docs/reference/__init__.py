"""docs/reference/, made of the types and tables of the code."""
