import pytest
from hypothesis import given
from hypothesis import strategies as st

from wyoming_servers.audio.pcm import Chunker


@given(st.lists(st.binary(max_size=50)), st.integers(1, 40))
def test_chunker_returns_chunks_of_one_size_and_all_bytes(inputs: list[bytes], size: int) -> None:
    chunker = Chunker(size)
    chunks = [chunk for data in inputs for chunk in chunker.feed(data)]
    rest = chunker.flush()
    assert {len(chunk) for chunk in chunks} <= {size}
    assert len(rest) < size
    assert b"".join([*chunks, rest]) == b"".join(inputs)
    assert chunker.flush() == b""


def test_chunker_rejects_an_empty_size() -> None:
    with pytest.raises(ValueError, match="invalid chunk size: 0"):
        Chunker(0)
