"""Everything about text that needs no model: pure functions and tables, and two small files.

Before synthesis: `speakable` removes markup, `ssml` and `voice_expression` parse requests,
`segment` cuts text into sentences, `lexicon` replaces words, and `normalize` writes numbers and
symbols as words. For transcription: `vocabulary` holds names, and `completeness` helps to detect
the end of a turn. `locale` matches language codes and `subtitles` parses and writes them, for both.
"""
