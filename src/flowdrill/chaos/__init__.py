"""Chaos Toolkit's door to a drill: actions, probes and controls over the engine that `flowdrill run` has. Whatever
chaoslib must import by itself is in here; nothing else of flowdrill imports chaoslib."""
