"""The contracts with the outside: topics (topics/*.toml) and Avro records (schemas/**/*.avsc), as
typed objects.
"""
