import pytest

from wyoming_servers.text.locale import best_match, canonical_tag, is_auto, parse_tag


@pytest.mark.parametrize(
    ("code", "whisper"),
    [
        ("en", "en"),
        ("en-US", "en"),
        ("de_DE", "de"),
        ("zh-CN", "zh"),
        ("zh_Hant_TW", "zh"),
        ("zh-HK", "yue"),
        ("nb-NO", "no"),
        ("iw", "he"),
        ("fil-PH", "tl"),
        ("jv", "jw"),
        ("deu", "de"),
        ("de_DE.UTF-8", "de"),
    ],
)
def test_language_code_is_normalized_to_whispers(code: str, whisper: str) -> None:
    assert parse_tag(code).language == whisper


@pytest.mark.parametrize(
    ("requested", "offered", "best"),
    [
        ("en", ["en_US", "en_GB"], "en_US"),
        ("en-GB", ["en_US", "en_GB"], "en_GB"),
        ("en-AU", ["en_US", "en"], "en"),
        ("pt-BR", ["pt-PT"], "pt-PT"),
        ("zh-TW", ["zh-Hans", "zh-Hant"], "zh-Hant"),
        ("zh-HK", ["zh-CN", "zh-TW"], "zh-TW"),
        ("zh-HK", ["zh", "yue"], "yue"),
        ("nb-NO", ["no"], "no"),
        ("no", ["nb_NO"], "nb_NO"),
        ("nn-NO", ["sv", "no"], "no"),
        ("iw-IL", ["he"], "he"),
        ("de", ["en", "fr"], None),
        ("de", [], None),
        ("zh-CN", ["en", "zh"], "zh"),
        ("de_DE", ["de"], "de"),
        ("EN-us", ["en_GB", "en_US"], "en_US"),
        ("zh-Hans-CN", ["zh"], "zh"),
        ("xx", ["en"], None),
        ("", ["en"], None),
        ("e", ["en"], None),
    ],
)
def test_best_match_is_chosen(requested: str, offered: list[str], best: str | None) -> None:
    assert best_match(requested, offered) == best


def test_missing_language_and_auto_request_detection() -> None:
    assert is_auto(None)
    assert is_auto("")
    assert is_auto("Auto")
    assert not is_auto("en")


def test_canonical_tag_is_spelled_as_bcp_47() -> None:
    assert canonical_tag("de_de") == "de-DE"
    assert canonical_tag("ZH_hant_tw") == "zh-Hant-TW"
    assert canonical_tag("en") == "en"
