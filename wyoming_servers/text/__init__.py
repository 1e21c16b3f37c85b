"""Text before it is spoken: cut into speakable pieces, made readable."""
