"""Snapshots of stores: taken on a schedule, kept in a directory or an S3 bucket, restored from."""
