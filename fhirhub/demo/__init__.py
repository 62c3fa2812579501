"""A population invented for demonstrations and benchmarks: years of health checkups of people who do not exist.

Deterministic: the same arguments give the same resources on every Python version and machine. Nothing here reads a
file, a clock or a network. Names, numbers and places are fictitious (`fhirhub.demo.people` says how that is ensured);
every resource carries the tag `https://fhirhub.example/demo/CodeSystem/origin|demo`.
"""

from fhirhub.demo.bundles import generate, summary
from fhirhub.demo.examples import Example, chosen_examples
from fhirhub.demo.observations import observations

__all__ = ["Example", "chosen_examples", "generate", "observations", "summary"]
