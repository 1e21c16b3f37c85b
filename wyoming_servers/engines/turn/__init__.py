"""The engine that judges by the sound of a voice whether its speaker has finished (Smart Turn).

Used by the worker of a turn model, which `speech.asr` asks at each pause.
"""
