"""Random searches over the vocabulary of `resources`: every type of parameter, modifier and prefix."""

from hypothesis import strategies as st

from fhirhub.search import syntax

from .resources import (
    CLINICAL,
    CODES,
    DATES,
    IDS,
    NUMBERS,
    PLACES,
    REFERENCES,
    SYSTEMS,
    TEXTS,
    UCUM,
    UNITS,
    URIS,
    WORDS,
)

Parameter = tuple[str, str]
Parameters = st.SearchStrategy[Parameter]

PREFIXES = st.sampled_from(["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"])
PREFIXED = st.builds("{}{}".format, PREFIXES, DATES)
ESCAPED = CODES.map(syntax.escape)
CODED = st.one_of(
    ESCAPED,
    ESCAPED.map("|{}".format),
    SYSTEMS.map("{}|".format),
    st.builds("{}|{}".format, SYSTEMS, ESCAPED),
)
POINTED = st.one_of(IDS, REFERENCES.filter(lambda text: "_history" not in text and text[0] != "#"))
# More digits are refused.
NUMERIC = st.builds("{}{}".format, PREFIXES, NUMBERS.filter(lambda text: len(text) <= 32))
URLS = URIS.filter(lambda text: text.startswith("http"))
# The pieces of names that `:contains` looks for, folded or not.
PIECES = st.sampled_from(["n", "NN", "nna", "三", "a,b", "b", "ß", "s", " ", "|", "ann"]).filter(str.strip)
MEASURED = st.one_of(
    NUMERIC,
    st.builds("{}||{}".format, NUMERIC, UNITS.map(syntax.escape)),
    st.builds("{}|{}|{}".format, NUMERIC, st.just(UCUM), UNITS.map(syntax.escape)),
    st.builds("{}|{}|{}".format, NUMERIC, SYSTEMS, ESCAPED),
    NUMERIC.map(f"{{}}|{UCUM}|no such unit".format),
)
TEXT_QUERIES = st.recursive(
    st.one_of(
        TEXTS.map(lambda text: '"' + text.replace("(", " ").replace(")", " ") + '"'),
        st.sampled_from(
            ["ann", "ANN", "血压", "压", "三血", "strasse", "straße", "b12", "fine", "한국", "x", "stable"]
        ),
    ),
    lambda inner: st.builds("({} {} {})".format, inner, st.sampled_from(["and", "OR", "AND NOT", ""]), inner),
    max_leaves=3,
)
NEAR = st.builds(
    "{0[0]}|{0[1]}{1}".format,
    PLACES,
    st.sampled_from(["", "|1|m", "|100|km", "|120", "|112|km", "|70|[mi_i]", "|9000000|m", "|20000", "|15|km"]),
)


def either(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(values, min_size=1, max_size=2).map(",".join)


def named(names: list[str], values: st.SearchStrategy[str]) -> Parameters:
    return st.tuples(st.sampled_from(names), either(values))


def flag(*names: str) -> Parameters:
    return st.tuples(st.sampled_from([f"{name}:missing" for name in names]), st.sampled_from(["true", "false"]))


def joined(*values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*values).map("$".join)


def text(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return values.map(syntax.escape)


SHARED: list[Parameters] = [
    named(["_id", "_id:not"], IDS),
    named(["_lastUpdated"], PREFIXED),
    named(["_tag", "_tag:not", "_security"], CODED),
    named(["_source"], text(URIS)),
    named(["_tag:text"], text(WORDS)),
    named(["_profile"], st.sampled_from(["http://p.example.org", "http://p.example.org|1", "http://p"])),
    named(
        ["_profile:below", "_profile:above"],
        st.sampled_from(["http://p", "http://p.example.org/x", "http://p.example.org"]),
    ),
    st.tuples(st.sampled_from(["_text", "_content"]), TEXT_QUERIES),
    flag("_profile", "_tag"),
]
QUERIES: dict[str, Parameters] = {
    "Patient": st.one_of(
        *SHARED,
        named(["identifier", "identifier:not"], CODED),
        named(["identifier:of-type"], st.builds("{}|{}|{}".format, SYSTEMS, ESCAPED, ESCAPED)),
        named(["identifier:text"], text(WORDS)),
        named(["phone", "email", "telecom", "telecom:not"], ESCAPED),
        named(["gender", "gender:not"], st.sampled_from(["male", "female", "other"])),
        named(["active", "active:not"], st.sampled_from(["true", "false"])),
        named(["gender:in", "gender:not-in"], st.just("http://hl7.org/fhir/ValueSet/administrative-gender")),
        named(["name", "name:exact", "family", "given:exact", "address-city", "address"], text(WORDS)),
        named(["name:contains", "given:contains", "address:contains"], text(PIECES)),
        named(["birthdate"], PREFIXED),
        named(["general-practitioner:Organization"], IDS),
        named(["general-practitioner:identifier"], CODED),
        named(["general-practitioner:text"], text(WORDS)),
        flag("name", "birthdate", "gender"),
    ),
    "Observation": st.one_of(
        *SHARED,
        named(["code", "combo-code", "category", "code:not", "value-concept", "component-code:not"], CODED),
        named(["code:text", "category:text", "combo-code:text", "subject:text"], text(WORDS)),
        named(["status"], st.sampled_from(["final", "amended"])),
        named(["status:in", "status:not-in"], st.just("http://hl7.org/fhir/ValueSet/observation-status|4.0.1")),
        named(["subject"], POINTED),
        named(["patient", "subject:Patient", "subject:Group"], IDS),
        named(["subject:identifier"], CODED),
        named(["date"], PREFIXED),
        named(["value-quantity", "combo-value-quantity", "component-value-quantity"], MEASURED),
        named(["value-string", "value-string:contains"], text(TEXTS)),
        named(
            ["component-code-value-quantity", "code-value-quantity", "combo-code-value-quantity"],
            joined(CODED, MEASURED),
        ),
        named(["component-code-value-concept", "code-value-concept", "combo-code-value-concept"], joined(CODED, CODED)),
        named(["code-value-date"], joined(CODED, PREFIXED)),
        flag("date", "subject", "patient", "code", "value-quantity", "combo-value-quantity"),
    ),
    "ServiceRequest": st.one_of(
        *SHARED, named(["occurrence"], PREFIXED), flag("occurrence"), named(["subject"], POINTED)
    ),
    "RiskAssessment": st.one_of(
        *SHARED, named(["probability"], NUMERIC), named(["probability"], NUMERIC), flag("probability")
    ),
    "Condition": st.one_of(
        *SHARED,
        named(["onset-age"], MEASURED),
        named(["clinical-status"], st.sampled_from(["active", f"{CLINICAL}|active", f"{CLINICAL}|", "|active"])),
        named(
            ["clinical-status:in", "clinical-status:not-in"], st.just("http://hl7.org/fhir/ValueSet/condition-clinical")
        ),
        named(["clinical-status:below", "clinical-status:above"], st.just(f"{CLINICAL}|active")),
        flag("onset-age", "clinical-status"),
    ),
    "Location": st.one_of(
        *SHARED, named(["near"], NEAR), named(["near"], NEAR), named(["name:contains"], text(PIECES)), flag("name")
    ),
    "ValueSet": st.one_of(
        *SHARED,
        named(["url"], text(URIS)),
        named(["url:below", "url:above"], text(URLS)),
        named(["version"], text(CODES)),
        flag("url"),
    ),
}
