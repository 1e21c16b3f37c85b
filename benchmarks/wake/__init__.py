"""Wake words compared with wyoming-openwakeword."""
