"""What the server says of its search, and the tests that show it: the contents of docs/conformance.md.

https://hl7.org/fhir/R4/search.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

SEARCH: Final = "tests/search/"
HUB: Final = "tests/interactions/"
MEANING: Final = f"{SEARCH}test_meaning.py::test_criterion_finds_one_resource_and_not_the_other"
"""From the resource to the answer; where it stands alone, it is all the claim says."""
PAGES: Final = f"{SEARCH}test_specification_pages.py::test_line_of_the_specification_is_answered_as_it_says"
RANDOM: Final = f"{SEARCH}test_differential.py::test_mongodb_finds_what_matches"
EXAMPLES: Final = f"{SEARCH}test_examples.py::test_every_entry_of_every_example_finds_its_resource"


@dataclass(frozen=True, slots=True)
class Claim:
    """How something is answered, and the tests that show it; a claim without proofs is of what is not done."""

    how: str
    proofs: tuple[str, ...] = ()

    @property
    def answer(self) -> str:
        """`yes` or `no`."""
        return "yes" if self.proofs else "no"


def _by(how: str, *proofs: str) -> Claim:
    return Claim(how, proofs)


_KEYS: Final = f"{SEARCH}test_keys.py::"
_DATES: Final = f"{SEARCH}test_dates.py::"
_MATCH: Final = f"{SEARCH}test_match.py::"
_SYNTAX: Final = f"{SEARCH}test_syntax.py::"
_CHAINS: Final = f"{SEARCH}test_chain_differential.py::"
_CODED: Final = f"{SEARCH}test_predicates_coded.py::"
_NUMERIC: Final = f"{SEARCH}test_predicates_numeric.py::"
_POINTING: Final = f"{SEARCH}test_predicates_pointing.py::"
_WORDS: Final = f"{SEARCH}test_predicates_words.py::"
_PARSE: Final = f"{SEARCH}test_parse.py::"
_SYSTEM: Final = f"{HUB}test_search_system.py::"
_PAGING: Final = f"{HUB}test_paging.py::"
_INCLUDED: Final = f"{HUB}test_include.py::test_what_is_around_the_matches_is_included"
_SORT: Final = f"{HUB}test_search_sort.py::"

TYPES: Final[Mapping[str, Claim]] = MappingProxyType(
    {
        "number": _by(
            "exact decimals; implicit precision without prefix; ranges",
            MEANING,
            f"{_NUMERIC}test_number_without_prefix_covers_its_precision",
            f"{_NUMERIC}test_largest_numbers_are_compared_exactly",
            PAGES,
            RANDOM,
            EXAMPLES,
        ),
        "date": _by(
            "implied ranges of partial dates, periods, timings; the zone of the site where none is named",
            MEANING,
            f"{SEARCH}test_meaning.py::test_day_is_one_of_the_zone_of_the_site",
            f"{_DATES}test_date_covers_its_precision",
            f"{_DATES}test_timing_includes_the_bounds_of_its_repetition",
            PAGES,
            RANDOM,
            EXAMPLES,
        ),
        "string": _by(
            "starts with; case, accents, width and white space do not count",
            MEANING,
            f"{_KEYS}test_folding_ignores_case_accents_width_and_space",
            PAGES,
            RANDOM,
            EXAMPLES,
        ),
        "token": _by(
            "`code`, `system|code`, `|code`, `system|`; compared exactly as written, case included",
            MEANING,
            PAGES,
            RANDOM,
            EXAMPLES,
        ),
        "reference": _by(
            "id, `Type/id`, absolute URL, canonical with or without version", MEANING, PAGES, RANDOM, EXAMPLES
        ),
        "composite": _by(
            "all parts in one element, `$` between them",
            MEANING,
            f"{SEARCH}test_predicates_composite.py::test_parts_are_found_in_one_element_only",
            PAGES,
            RANDOM,
            EXAMPLES,
        ),
        "quantity": _by(
            "UCUM units are converted, exactly; `number`, `number|system|code`, `number||unit`",
            MEANING,
            f"{_NUMERIC}test_quantities_compare_alike_in_any_unit",
            PAGES,
            RANDOM,
            EXAMPLES,
        ),
        "uri": _by("the whole URI, exactly as written", MEANING, PAGES, RANDOM, EXAMPLES),
        "special": _by(
            "`near` and `_filter`, see below", f"{_POINTING}test_near_takes_distance_and_unit", PAGES, RANDOM, EXAMPLES
        ),
    }
)

MODIFIERS: Final[Mapping[str, Claim]] = MappingProxyType(
    {
        "missing": _by("present or not, extensions without a value count as missing", MEANING, PAGES, RANDOM),
        "exact": _by(
            "every character as written", MEANING, f"{_KEYS}test_string_key_tells_spellings_apart", PAGES, RANDOM
        ),
        "contains": _by(
            "anywhere in the text, folded", MEANING, f"{_CODED}test_contains_is_a_part_of_a_folded_text", PAGES, RANDOM
        ),
        "text": _by(
            "text or display starts with it; not on strings, where `_text` is the full-text search",
            MEANING,
            f"{_CODED}test_text_finds_the_beginning_of_what_a_code_is_called",
            PAGES,
            RANDOM,
        ),
        "not": _by("no value matches, or there is none", MEANING, PAGES, RANDOM),
        "in": _by(
            "value sets of R4's bindings and those stored here; one that cannot be told is refused",
            f"{_CODED}test_hierarchies_and_value_sets_of_r4_are_known",
            f"{SEARCH}test_predicates_stored_terminology.py::test_search_is_by_stored_value_sets",
            PAGES,
            RANDOM,
        ),
        "not-in": _by(
            "no code is in the value set, or there is none",
            MEANING,
            f"{_CODED}test_not_in_asks_for_resources_without_any_code_of_the_set",
            RANDOM,
        ),
        "above": _by(
            "codes by their system's hierarchy, URIs by segments, references up the hierarchy of their target",
            f"{_CODED}test_hierarchies_and_value_sets_of_r4_are_known",
            f"{_POINTING}test_uri_is_above_or_below_by_whole_segments",
            f"{_CHAINS}test_hierarchies_are_walked_and_cycles_end",
            PAGES,
            RANDOM,
        ),
        "below": _by(
            "the same downwards; mime types without their parameters",
            MEANING,
            f"{_CODED}test_hierarchies_and_value_sets_of_r4_are_known",
            f"{_CODED}test_mime_types_are_below_their_kind",
            f"{_POINTING}test_uri_is_above_or_below_by_whole_segments",
            f"{_CHAINS}test_hierarchies_are_walked_and_cycles_end",
            PAGES,
            RANDOM,
        ),
        "of-type": _by(
            "`system|code|value` of one identifier",
            MEANING,
            f"{_CODED}test_of_type_takes_type_and_value_of_one_identifier",
            PAGES,
            RANDOM,
        ),
        "identifier": _by("the identifier of a reference, as a token", MEANING, PAGES, RANDOM),
        "[type]": _by("a reference to that type of resource", MEANING, PAGES, RANDOM),
    }
)
"""By name; which types of parameter take which is in `predicates.MODIFIERS`."""

_PREFIX: Final = (
    f"{_NUMERIC}test_prefix_compares_a_number",
    f"{_NUMERIC}test_prefix_compares_a_range",
    f"{_NUMERIC}test_prefixes_agree_with_arithmetic",
    f"{_MATCH}test_prefix_compares_ranges",
    f"{_MATCH}test_prefix_compares_the_time_of_the_last_update",
    PAGES,
    RANDOM,
)
PREFIXES: Final[Mapping[str, Claim]] = MappingProxyType(
    {
        "eq": _by("the range of the value contains that of the resource; taken where there is no prefix", *_PREFIX),
        "ne": _by("it does not contain it", *_PREFIX),
        "gt": _by("the resource's range reaches above the value, which is exact", *_PREFIX),
        "lt": _by("it reaches below the value", *_PREFIX),
        "ge": _by("as `gt`, or equal", *_PREFIX),
        "le": _by("as `lt`, or equal", *_PREFIX),
        "sa": _by("it starts after the value", *_PREFIX),
        "eb": _by("it ends before the value", *_PREFIX),
        "ap": _by("within a tenth of the value; of dates, of the time between them and now", *_PREFIX),
    }
)

RESULTS: Final[Mapping[str, Claim]] = MappingProxyType(
    {
        "_count": _by(
            "0 asks for the total alone; more than the maximum counts as the maximum",
            f"{_PARSE}test_count_is_capped_and_the_self_link_says_so",
            f"{HUB}test_search.py::test_count_above_the_maximum_counts_as_the_maximum",
            f"{HUB}test_search.py::test_total_is_there_when_asked_for_or_known",
        ),
        "_sort": _by(
            "up to five parameters, `-` for descending; of several values the first in that order counts; "
            "resources without a value come last in both directions",
            f"{_PARSE}test_sort_takes_up_to_five_parameters",
            f"{_SORT}test_sort_orders_pages_forth_and_back",
            f"{SEARCH}test_sort_differential.py::test_mongodb_sorts_as_python_does",
            PAGES,
        ),
        "_total": _by(
            "`none`, `estimate`, `accurate`", f"{HUB}test_search.py::test_total_is_there_when_asked_for_or_known"
        ),
        "_summary": _by(
            "`true`, `text`, `data`, `count`, `false`",
            f"{HUB}test_subset.py::test_subset_keeps_what_was_asked_for_and_what_is_mandatory",
            f"{HUB}test_subset.py::test_summary_of_backbone_elements_drops_what_is_no_summary_inside",
            f"{HUB}test_search.py::test_total_is_there_when_asked_for_or_known",
        ),
        "_elements": _by(
            "elements at the root; mandatory ones stay",
            f"{HUB}test_subset.py::test_subset_keeps_what_was_asked_for_and_what_is_mandatory",
            f"{HUB}test_subset.py::test_subset_applies_to_vread_and_search",
        ),
        "_cursor": _by(
            "our own, in `next` and `previous` links: signed, bound to its search, without state on the server",
            f"{_PAGING}test_cursor_that_was_changed_anywhere_is_refused",
            f"{_PAGING}test_pages_skip_and_repeat_nothing_while_others_write",
        ),
        "_include": _by("also `:iterate`, `*` and a target type", _INCLUDED, PAGES),
        "_revinclude": _by("also `:iterate`", _INCLUDED, PAGES),
        "_contained": _by(
            "`false`, `true`, `both`", PAGES, f"{_SYSTEM}test_contained_search_finds_containers_or_contained"
        ),
        "_containedType": _by(
            "`container`, `contained`", PAGES, f"{_SYSTEM}test_contained_resources_are_named_after_their_container"
        ),
        "_format": _by("JSON and XML", "tests/http/test_negotiation.py::test_format_beats_accept"),
        "_pretty": _by("indented", "tests/http/test_negotiation.py::test_pretty_indents_both_syntaxes"),
        "_explain": _by(
            "our own: the queries, their indexes and costs in place of the matches",
            f"{HUB}test_explain.py::test_explained_search_names_index_keys_and_documents",
            f"{HUB}test_explain.py::test_explained_chain_shows_each_step_and_what_became_of_it",
        ),
        "_score": Claim("refused: matches are exact, none is better than another"),
    }
)

FOR_ALL: Final[Mapping[str, Claim]] = MappingProxyType(
    {
        "_id": _by("", f"{_PARSE}test_id_is_a_set", PAGES, RANDOM),
        "_lastUpdated": _by(
            "a point in time, with prefixes", f"{_MATCH}test_prefix_compares_the_time_of_the_last_update", PAGES, RANDOM
        ),
        "_tag": _by("", MEANING, PAGES, RANDOM),
        "_profile": _by("", MEANING, PAGES, RANDOM),
        "_security": _by("", MEANING, RANDOM, EXAMPLES),
        "_source": _by("", MEANING, RANDOM),
        "_text": _by(
            "words of the narrative, with `and`, `or`, `not`, parentheses; Chinese, Japanese and Korean without spaces",
            PAGES,
            RANDOM,
            f"{_WORDS}test_text_finds_words_of_the_narrative",
        ),
        "_content": _by("words of everything people read", RANDOM, f"{_WORDS}test_content_finds_words_of_everything"),
        "_list": _by(
            "a List by its id; functional lists (`$current-allergies`) are refused",
            f"{HUB}test_chained_search.py::test_chain_finds",
            PAGES,
        ),
        "_has": _by(
            "nested, and in chains",
            PAGES,
            f"{_CHAINS}test_mongodb_finds_what_the_chain_means",
        ),
        "_type": _by(
            "in a search of the whole system", PAGES, f"{_SYSTEM}test_system_search_merges_types_newest_first"
        ),
        "_filter": _by("", PAGES, f"{SEARCH}test_filter_expression.py::test_expressions_combine_from_left_to_right"),
        "_query": Claim("refused: this server has no named queries"),
        "near": _by(
            "`latitude|longitude|distance|unit`; 50 km where no distance is given",
            RANDOM,
            f"{_POINTING}test_near_takes_distance_and_unit",
        ),
        "phonetic": _by(
            "names that sound alike, Chinese ones by their reading",
            f"{SEARCH}test_phonetic.py::test_names_that_sound_alike_are_found",
            f"{_WORDS}test_phonetic_asks_for_the_sound_of_every_word",
            f"{_WORDS}test_phonetic_of_a_chinese_name_is_found_by_its_reading",
        ),
    }
)

WHERE: Final[Mapping[str, Claim]] = MappingProxyType(
    {
        "`GET [type]?…`": _by("", f"{HUB}test_search.py::test_search_answers_the_newest_first_with_total_and_self"),
        "`POST [type]/_search`": _by("", f"{HUB}test_search.py::test_search_by_post_is_the_same"),
        "`GET ?…`": _by(
            "parameters that all types searched have", f"{_SYSTEM}test_system_search_refuses_what_not_all_types_know"
        ),
        "`GET Patient/[id]/[type]?…`, `Patient/[id]/*`": _by(
            "the compartments of R4", PAGES, f"{_SYSTEM}test_compartment_search_finds_its_members"
        ),
        "chains `a.b.c`, `a:Type.b`": _by(
            "each on its own; without a type through every type that knows the rest",
            f"{SEARCH}test_chain.py::test_chain_without_a_type_leads_to_every_type_that_knows_the_rest",
            PAGES,
            f"{_CHAINS}test_mongodb_finds_what_the_chain_means",
        ),
        "entries of batches and transactions": _by("", f"{_SYSTEM}test_searches_run_as_entries_of_bundles"),
        "repeated parameters, commas": _by("and, or", PAGES, RANDOM),
        "escapes `\\,` `\\|` `\\$` `\\\\`": _by(
            "any other backslash is refused",
            MEANING,
            f"{_SYNTAX}test_backslash_that_escapes_nothing_is_refused",
            f"{SEARCH}test_predicates_composite.py::test_dollar_comma_and_bar_are_escaped_in_a_part",
            PAGES,
            RANDOM,
        ),
        "unknown parameters": _by(
            "refused with the nearest names; left out and said so with `Prefer: handling=lenient`",
            f"{_PARSE}test_misspelt_parameter_is_refused_with_the_nearest_names",
            f"{_PARSE}test_lenient_ignores_what_it_does_not_know_and_says_so",
        ),
    }
)
