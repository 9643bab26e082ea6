"""Profiles: TOML with ``extends``, checked by models, every mistake named by file and line."""
