"""Controls of Chaos Toolkit: each module is one."""
