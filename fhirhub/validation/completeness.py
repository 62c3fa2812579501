"""Whether the names of an object say all that its type requires, and no choice twice.

https://hl7.org/fhir/R4/conformance-rules.html#cardinality, https://hl7.org/fhir/R4/formats.html#choice
"""

from collections.abc import Collection

from fhirhub.definitions import TypeDefinition
from fhirhub.validation.faults import Faults, fault, missing, missing_choice


def lacking(definition: TypeDefinition, names: Collection[str]) -> Faults:
    """Return a fault for each required element or choice that is not among `names`, and each choice given twice.

    A companion `_x` counts as `x`: its extensions say why there is no value.
    """
    given = {name.removeprefix("_") for name in names}
    found: Faults = []
    for element in definition.elements.values():
        if element.min and element.name not in given:
            found += missing(definition, element.name)
    for choice, members in definition.choices.items():
        present = [element.name for element in members if element.name in given]
        if len(present) > 1:
            text = f"{definition.name}.{choice}[x] can be given once, here it is given as {' and as '.join(present)}."
            found += fault("choice", "structure", text, present[1])
        elif not present and choice in definition.required_choices:
            found += missing_choice(definition, choice)
    return found
