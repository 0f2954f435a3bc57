"""One file a format; each takes a report and returns text. Somebody else writes files."""
