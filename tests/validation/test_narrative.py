"""Narrative: formatting passes, everything active or malformed does not."""

import time
from pathlib import Path
from typing import Any

import pytest

from fhirhub.validation import validate_resource

NAMESPACE = 'xmlns="http://www.w3.org/1999/xhtml"'


def div(content: str) -> str:
    return f"<div {NAMESPACE}>{content}</div>"


def issues(narrative: Any) -> list[Any]:
    return validate_resource(
        {"resourceType": "Basic", "code": {"text": "x"}, "text": {"status": "generated", "div": narrative}}
    )


@pytest.mark.parametrize(
    "narrative",
    [
        div("text"),
        div("王小明 &amp; &lt;b&gt; &#160;"),
        div("<p>a</p><br/><hr /><table class='grid'><tbody><tr><td colspan=\"2\">1</td></tr></tbody></table>"),
        div('<p style="color: red; font-weight:bold">a</p>'),
        div('<a href="http://e.org/a?b=c&amp;d=e#f">a</a><a name="x">b</a><a href="#x">c</a><a href="Patient/1">d</a>'),
        div('<a href="mailto:a@e.org">a</a><a href="tel:+31">b</a><a href="page.html?x=a:b">c</a>'),
        div('<img src="#picture" alt="x"/>'),
        div('<img src="data:image/png;base64,AAAA"/>'),
        div('<img src="http://e.org/x.png" height="1" width="2"/>'),
        div('<span style="background: url(data:image/png;base64,AA==) no-repeat">a</span>'),
        div("<span style=\"background-image: url( 'back.png' )\">a</span>"),
        div("<!-- a > b --><b>a</b>"),
        div("<!-- only the text after a comment --> a"),
        '<h:div xmlns:h="http://www.w3.org/1999/xhtml">a <h:b>b</h:b></h:div>',
        f"\n  {div('a')}\n ",
        div("<p>a</p>" * 2000),
        div("<b>" * 60 + "a" + "</b>" * 60),
        div("a<br/>" * 500),
        div('<p xml:lang="nl" lang="nl" dir="ltr" title="a &quot; b">a</p>'),
    ],
)
def test_formatting_passes(narrative: str) -> None:
    assert issues(narrative) == []


@pytest.mark.parametrize(
    "content",
    [
        "<script>alert(1)</script>",
        "<SCRIPT>alert(1)</SCRIPT>",
        "<style>p {color: red}</style>",
        '<link rel="stylesheet" href="http://e.org/x.css"/>',
        '<iframe src="http://e.org"/>',
        "<object/>",
        "<embed/>",
        "<form><input/></form>",
        '<base href="http://e.org"/>',
        '<meta http-equiv="refresh" content="0;url=http://e.org"/>',
        '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        '<b xmlns="http://www.w3.org/2000/svg">a</b>',
        '<math xmlns="http://www.w3.org/1998/Math/MathML"><mtext>a</mtext></math>',
        "<font>a</font>",
        "<u>a</u>",
        "<ins>a</ins>",
        "<textarea>a</textarea>",
        "<noscript>a</noscript>",
        "<template>a</template>",
        '<p onclick="alert(1)">a</p>',
        '<p onClick="alert(1)">a</p>',
        '<img src="x.png" onerror="alert(1)"/>',
        '<p xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="http://e.org">a</p>',
        '<p xml:base="http://e.org">a</p>',
        '<p srcdoc="x">a</p>',
        '<a href="javascript:alert(1)">a</a>',
        '<a href="JaVaScRiPt:alert(1)">a</a>',
        '<a href="  javascript:alert(1)">a</a>',
        '<a href="&#x20;&#9;javascript:alert(1)">a</a>',
        '<a href="java&#10;script:alert(1)">a</a>',
        '<a href="java\tscript:alert(1)">a</a>',
        '<a href="&#x6A;avascript:alert(1)">a</a>',
        '<a href="&#xA0;javascript:alert(1)">a</a>',
        '<a href="&#x200B;javascript:alert(1)">a</a>',
        '<a href="&#xFEFF;javascript:alert(1)">a</a>',
        '<a href="&#x85;javascript:alert(1)">a</a>',
        '<a href="vbscript:x">a</a>',
        '<a href="data:text/html,x">a</a>',
        '<a href="file:///etc/passwd">a</a>',
        '<a href="blob:x">a</a>',
        '<a href="java%0ascript:alert(1)">a</a>',
        '<area href="javascript:alert(1)" alt="x"/>',
        '<q cite="javascript:alert(1)">a</q>',
        '<img src="javascript:alert(1)"/>',
        '<img src="data:text/html,x"/>',
        '<img src=" data:image/png"/>',
        '<p style="background: url(javascript:alert(1))">a</p>',
        '<p style="background: url( &quot; java&#10;script:alert(1) &quot; )">a</p>',
        '<p style="background: url(data:text/html,x)">a</p>',
        '<p style="background: u\\72l(http://e.org)">a</p>',
        '<p style="width: expression(alert(1))">a</p>',
        '<p style="width: exp/**/ression(alert(1))">a</p>',
        '<p style="-moz-binding: url(x.xml)">a</p>',
        '<p style="behavior: url(x.htc)">a</p>',
        '<p style="@import x">a</p>',
    ],
)
def test_active_content_is_refused_at_the_narrative(content: str) -> None:
    found = issues(div(f"before {content} after"))

    assert found
    assert {(issue.severity, issue.code, issue.details, issue.expression) for issue in found} == {
        ("error", "invariant", "txt-1", ("Basic.text.div",))
    }


@pytest.mark.parametrize(
    "narrative",
    [
        "",
        "text",
        "<div>no namespace</div>",
        f"<p {NAMESPACE}>no div</p>",
        '<div xmlns="http://www.w3.org/2000/svg">a</div>',
        f"<div {NAMESPACE}>a",
        f"<div {NAMESPACE}>a</b></div>",
        div("a &nbsp; b"),
        div("a & b"),
        div("a < b"),
        div("<br>"),
        div("<p class=x>a</p>"),
        div("<p class='x' class='y'>a</p>"),
        div("a") + div("b"),
        f'<?xml version="1.0"?>{div("a")}',
        div("<?php x?>a"),
        div("<![CDATA[><img src=x onerror=alert(1)>]]>"),
        div("<!--><img src='x' onerror='alert(1)'>--> a"),
        div("<!---><img src='x' onerror='alert(1)'>--> a"),
        div("<!-- a -- b --> c"),
        f'<!DOCTYPE div [<!ENTITY a "b">]>{div("&a;")}',
        f'<!DOCTYPE div SYSTEM "http://e.org/x.dtd">{div("a")}',
        div("a\x00"),
        div("a\x0b"),
        div("a\ufffe"),
        div("\ud800"),
        div("<b>" * 64 + "a" + "</b>" * 64),
        div("<b>" * 5000 + "a" + "</b>" * 5000),
    ],
)
def test_malformed_narrative_is_refused(narrative: str) -> None:
    found = issues(narrative)

    assert [(issue.severity, issue.details, issue.expression) for issue in found] == [
        ("error", "txt-1", ("Basic.text.div",))
    ]


@pytest.mark.parametrize("content", ["", "   \n", "<p> </p>", "<br/>", "<!-- a -->", '<a name="x"/>'])
def test_narrative_that_says_nothing_is_refused(content: str) -> None:
    assert [(issue.code, issue.details) for issue in issues(div(content))] == [("invariant", "txt-2")]


@pytest.mark.parametrize("narrative", [1, None, ["x"], {"a": "b"}])
def test_narrative_is_a_string(narrative: Any) -> None:
    assert [(issue.code, issue.expression) for issue in issues(narrative)] == [("structure", ("Basic.text.div",))]


def test_entity_of_the_machine_is_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("canary")

    found = issues(f'<!DOCTYPE div [<!ENTITY a SYSTEM "{secret.as_uri()}">]>{div("&a;")}')

    assert len(found) == 1
    assert "canary" not in found[0].diagnostics


def test_every_mistake_of_a_narrative_is_told() -> None:
    found = issues(div('<p onclick="x">a</p><u>b</u><a href="javascript:x" target="_top">c</a>'))

    texts = " ".join(issue.diagnostics for issue in found)
    assert len(found) == 4
    assert [word for word in ("onclick", '"u"', "javascript", "target") if word not in texts] == []


@pytest.mark.parametrize(
    "content",
    [
        "<b>" * 100_000,
        '<p style="' + "url(" * 100_000 + '">a</p>',
        '<p style="background: url(' + " " * 200_000 + '">a</p>',
        '<p style="' + "/*" * 100_000 + '">a</p>',
        "<p" + " " * 300_000 + "<",
        "<!" + "-" * 300_000,
        '<a href="' + " " * 300_000 + 'javascript:x">a</a>',
    ],
)
def test_hostile_narrative_is_refused_at_once(content: str) -> None:
    start = time.process_time()

    found = issues(div(content))

    assert found
    assert time.process_time() - start < 2
