"""Text normalization for synthesis: markup removed; numbers, dates, units and symbols as words.

`normalizer.normalize` is the function that the text front end and speech jobs use. `verbalizers`
has one class each for numbers, dates and addresses; `rules` has one table per language.
"""
