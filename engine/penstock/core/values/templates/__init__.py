"""Templates: text with `{{ expression }}` and `{% tag %}` in it, as Kestra's users write it.

The evaluator is small and bounded: a template has a size and a depth, an evaluation a number of
steps and of characters. It calls nothing but the filters and functions in the tables here.
"""
