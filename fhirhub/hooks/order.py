"""The order of plugins: each behind those it names in `after` and `requires`.

docs/plugins/README.md
"""

from collections.abc import Mapping, Sequence

from fhirhub.hooks.manifest import Manifest, did_you_mean
from fhirhub.settings import ConfigurationError


def ordered(
    manifests: Mapping[str, Manifest], sources: Mapping[str, str], builtin: Sequence[str], available: Sequence[str]
) -> list[str]:
    """Return the names in the order in which hooks are called; what `after` and `requires` leave open stays as given.

    Arguments:
        manifests: of the enabled plugins, in the order of the settings.
        sources: where each comes from, for messages.
        builtin: plugins that come before all of these.
        available: the names of all that could be enabled.

    Raises ConfigurationError: a required one is missing, or some come after each other in a circle.
    """
    problems = [
        f"The plugin {name!r} ({sources[name]}) requires {required!r}{_lack(required, available)}"
        for name, manifest in manifests.items()
        for required in manifest.requires
        if required not in manifests and required not in builtin
    ]
    if problems:
        raise ConfigurationError("\n".join(problems))
    done: dict[str, None] = {}
    for name in manifests:
        _visit(name, manifests, sources, done, ())
    return list(done)


def _lack(name: str, available: Sequence[str]) -> str:
    if name in available:
        return ", which is not enabled: add it to the setting plugins."
    return f", and there is no plugin of that name.{did_you_mean(name, available)}"


def _visit(
    name: str,
    manifests: Mapping[str, Manifest],
    sources: Mapping[str, str],
    done: dict[str, None],
    above: tuple[str, ...],
) -> None:
    if name in done:
        return
    if name in above:
        circle = (*above[above.index(name) :], name)
        where = ", ".join(sources[each] for each in circle[:-1])
        raise ConfigurationError(f"Plugins come after each other in a circle: {' after '.join(circle)} ({where}).")
    manifest = manifests[name]
    for before in (*manifest.requires, *manifest.after):
        if before in manifests:
            _visit(before, manifests, sources, done, (*above, name))
    done[name] = None
