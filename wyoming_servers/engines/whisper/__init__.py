"""Speech to text with Whisper models on CTranslate2 (faster-whisper).

`engine` implements `engines.base.Engine` and its sessions for the worker. `decoder` transcribes an
utterance with the shortest window whose result can be trusted: `short_window` for commands, the
library's windows of 30 s for everything else. `prompt` builds the prompt with the
vocabulary, and `thread_tuning` measures the best number of threads.
"""
