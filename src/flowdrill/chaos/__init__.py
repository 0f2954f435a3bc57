"""Chaos Toolkit's door to a drill: actions, probes and controls over the engine that `flowdrill run` has. Whatever
chaoslib must import by itself is in here; beside it only
`edges/chaostoolkit/activity_work.py` imports chaoslib, in processes of its own."""
