"""Text normalization for synthesis: numbers, dates, units and symbols as words.

`normalizer.normalize` is the function that the text front end and speech jobs use. `numbers`,
`dates` and `addresses` each verbalize one class of tokens; `rules` holds one table per language.
"""
