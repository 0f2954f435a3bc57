"""The command line: its words and options, and which command each means. It imports a command when that is called."""
