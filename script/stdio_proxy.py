"""Connects standard input and output to a port: takes the place of another Wyoming server.

usage: stdio_proxy.py PORT
"""

import socket
import sys
import threading


def main(port: int) -> None:
    """Copy in both directions until either side ends."""
    with socket.create_connection(("127.0.0.1", port)) as connection:

        def send() -> None:
            while data := sys.stdin.buffer.read1(65_536):
                connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)

        threading.Thread(target=send, daemon=True).start()
        while data := connection.recv(65_536):
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
