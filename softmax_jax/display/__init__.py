"""What is shown of results and in whose line.

html           small tables for notebooks and the report, escaped
plain_words    how a fit ended, in words that take no glossary
text_table     rows and columns for print
one_line       results of many fits in one line, without the arrays
user_warnings  a warning is shown at the user's own line
"""
