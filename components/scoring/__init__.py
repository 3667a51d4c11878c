"""Whole tables scored at once: checked by the bundle's contract, predicted in shards, written exactly once."""
