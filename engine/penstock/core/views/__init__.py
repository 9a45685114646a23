"""Views: what rows mean to whoever asks, in the words of one product or another.

A view is a pure function of rows. It writes nothing, and decides nothing: a fact that it would need
and that no row has belongs into the history, under a name that says what has happened.
"""
