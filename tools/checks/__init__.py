"""The checks behind tools/check; its opening comment says how to add one."""
