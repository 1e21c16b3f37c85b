"""Everything about text that needs no model: pure functions and tables, and two small files.

Before synthesis: `ssml` and `voice_expression` parse requests, `segment` cuts text into sentences,
`lexicon` replaces words, and `normalize` removes markup and writes numbers and symbols as words.
For transcription: `vocabulary` holds names, and `completeness` helps to detect the end of a turn.
`locale` matches language codes; `subtitles` parses and writes subtitles.
"""
