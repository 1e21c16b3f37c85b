"""Text-to-speech compared with wyoming-piper, and the quality of synthesized speech."""
