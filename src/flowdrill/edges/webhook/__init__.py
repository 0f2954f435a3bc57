"""Telling a chat, or anything else that takes a webhook, what came of a run."""
