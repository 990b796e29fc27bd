"""What notebooks show of dicts around dicts."""

from persidict.core import LocalBackend, LocalDict
from persidict.wrappers import ExpiringDict, MutableDictCached, OverlappingMultiDict, WriteOnceDict


def test_wrappers_show_what_they_wrap():
    main = LocalDict()
    main["a"] = 1
    wrappers = [
        ExpiringDict(wrapped_dict=main, max_age=60),
        MutableDictCached(main_dict=main, data_cache=LocalDict(), etag_cache=LocalDict()),
    ]
    frozen = LocalDict(append_only=True)
    frozen["a"] = 1
    wrappers.append(WriteOnceDict(wrapped_dict=frozen))
    for wrapper in wrappers:
        html = wrapper._repr_html_()
        assert f"<strong>{type(wrapper).__name__}</strong>" in html
        assert "LocalDict(append_only=" in html
        assert '>items</th><td style="text-align: left">1</td>' in html


def test_overlapping_dicts_show_each_of_them():
    formats = OverlappingMultiDict(
        dict_type=LocalDict,
        shared_subdicts_params={"backend": LocalBackend()},
        json={},
        md={"base_class_for_values": str},
    )
    formats.md["report"] = "# Results"
    html = formats._repr_html_()
    assert html.count("<strong>LocalDict</strong>") == 2
    assert "<strong>OverlappingMultiDict</strong>" in html
    assert "report" in html
    assert html.count("<table>") == html.count("</table>") == 3
