"""One table per language: how numbers, units, money, dates, times and abbreviations are read.

To add a language, write a module with a `LanguageRules` and list it in `registry`.
"""
