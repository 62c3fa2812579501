"""docs/conformance.md is what the tables of the code and the registry of proofs make, and every proof exists."""

import ast
from functools import cache

import pytest

from fhirhub.interactions.explain import EXPLAIN
from fhirhub.search import result_parameters
from fhirhub.search.predicates import MODIFIERS
from fhirhub.search.temporal import PREFIXES

from . import conformance_claims as claims
from .conformance_page import PROJECT, TARGET, all_claims, page

pytestmark = pytest.mark.docs


@cache
def named_tests(path: str) -> frozenset[str]:
    tree = ast.parse((PROJECT / path).read_text())
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def test_conformance_page_is_the_one_that_is_made() -> None:
    assert TARGET.read_text() == page(), "run python -m tests.search.conformance_page --write"


@pytest.mark.parametrize(("name", "proof"), [(name, proof) for name, claim in all_claims() for proof in claim.proofs])
def test_proof_of_a_claim_is_a_test(name: str, proof: str) -> None:
    path, _, test = proof.partition("::")
    assert test.startswith("test_")
    assert test in named_tests(path), (name, proof)


def test_claims_are_about_everything_there_is() -> None:
    assert set(claims.TYPES) == set(MODIFIERS)
    assert set(claims.MODIFIERS) == {*(name for names in MODIFIERS.values() for name in names), "[type]"}
    assert tuple(claims.PREFIXES) == PREFIXES
    assert {*result_parameters.NAMES, *result_parameters.PRESENTATION, EXPLAIN} <= set(claims.RESULTS)
