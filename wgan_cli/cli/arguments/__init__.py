"""Arguments and options that commands share: their types, completion, and what they stand for."""
