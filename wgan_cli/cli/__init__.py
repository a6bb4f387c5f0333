"""The command line: each command translates its options into a call of the library."""
