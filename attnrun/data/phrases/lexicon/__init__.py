"""The words of the corpus `phrases`: compact tables, one theme a line or a file."""
