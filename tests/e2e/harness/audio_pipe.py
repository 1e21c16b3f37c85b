"""Microphone and loudspeaker of a satellite: copies raw audio between a socket and a pipe.

usage: audio_pipe.py mic|snd PORT
"""

import os
import socket
import sys


def main(role: str, port: int) -> None:
    """Copy audio until either side ends."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        if role == "mic":
            while data := connection.recv(4096):
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
        else:
            while data := os.read(0, 4096):
                connection.sendall(data)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
