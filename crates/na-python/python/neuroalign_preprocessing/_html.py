"""What a notebook shows of a store."""

from __future__ import annotations

from html import escape

from neuroalign_preprocessing import _native

#: More names of a kind are counted.
_SHOWN = 12


def summary(told: _native.Summary) -> str:
    """A table of what there is."""
    cache = told["cache"]
    rows = [
        ("Folder", str(told["folder"])),
        ("Atlas", told["atlas_name"] or "none"),
        ("Sessions", f"{told['n_sessions']:,} of {told['n_subjects']:,} subjects"),
        ("Long tables", _names(told["long_formats"])),
        ("Anatomical features", _names(told["anatomical_features"])),
        ("Diffusion features", _names(told["diffusion_features"])),
        ("TIV", "there" if told["has_tiv"] else "none"),
        ("Written", told["updated_at"] or "never"),
    ]
    if cache["exists"]:
        counts = f"{cache['n_sessions_anatomical']:,} anatomical, {cache['n_sessions_diffusion']:,} diffusion"
        rows.append(("Cache", f"{counts} sessions, {cache['size_mb']:.1f} MB"))
    cells = "".join(f"<tr><th style='text-align:left'>{name}</th><td>{escape(value)}</td></tr>" for name, value in rows)
    return f"<table><caption>FeatureStore</caption>{cells}</table>"


def _names(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return (f"{len(names):,}: " if names else "none") + ", ".join(names[:_SHOWN]) + more
