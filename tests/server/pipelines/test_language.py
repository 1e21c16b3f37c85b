import pytest

from wyoming_servers.pipelines import language


@pytest.mark.parametrize(
    ("wanted", "offered", "best"),
    [
        ("en", ("en", "de"), "en"),
        ("zh-CN", ("en", "zh"), "zh"),
        ("de_DE", ("de",), "de"),
        ("EN-us", ("en_GB", "en_US"), "en_US"),
        ("en", ("en_GB", "en_US"), "en_GB"),
        ("nb-NO", ("no",), "no"),
        ("no", ("nb_NO",), "nb_NO"),
        ("zh-Hans-CN", ("zh",), "zh"),
        ("en-AU", ("en_US", "en"), "en"),
        ("xx", ("en",), None),
        ("", ("en",), None),
        ("e", ("en",), None),
        ("en", (), None),
    ],
)
def test_codes_are_matched_however_they_are_written(
    wanted: str, offered: tuple[str, ...], best: str | None
) -> None:
    assert language.match(wanted, offered) == best


def test_a_long_list_is_cut_for_people() -> None:
    text = language.shorten(f"{n:02}" for n in range(20))
    assert text.endswith("11 and 8 more")
