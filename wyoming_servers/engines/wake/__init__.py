"""Wake word detection with openWakeWord and microWakeWord models.

`openwakeword` and `microwakeword` implement `engines.base.Engine` for the worker. openWakeWord
computes audio features once for all words of a stream (`feature_selection`, `feature_graph`), and a
classifier per word scores them (`classifier`); both run many streams in one batch. `reference` is
the original library, against which graphs are checked when they are prepared.
"""
