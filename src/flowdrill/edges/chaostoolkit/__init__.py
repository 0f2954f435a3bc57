"""Activities of Chaos Toolkit's extensions, run by chaoslib in processes of their own."""
