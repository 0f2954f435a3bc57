"""Everything that a drill needs before it begins: its plan read and allowed, its target and registry opened."""
