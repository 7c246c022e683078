//! `--atlas KIND=NAME`: the atlas of one kind of input.

use std::fmt;

/// What an atlas is chosen for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AtlasKind {
    /// The parcellation of FreeSurfer's surfaces.
    FreeSurfer,
    /// FreeSurfer's segmentation.
    FreeSurferSegmentation,
    /// CAT12's volumes of regions.
    Cat12,
    /// CAT12's values of surfaces.
    Cat12Surface,
    /// QSIRecon's own tables.
    Qsirecon,
}

impl AtlasKind {
    const ALL: [(Self, &'static str); 5] = [
        (Self::FreeSurfer, "freesurfer"),
        (Self::FreeSurferSegmentation, "freesurfer-seg"),
        (Self::Cat12, "cat12"),
        (Self::Cat12Surface, "cat12-surface"),
        (Self::Qsirecon, "qsirecon"),
    ];
}

impl AtlasKind {
    /// The option that asks for its input.
    pub(crate) const fn option(self) -> &'static str {
        match self {
            Self::FreeSurfer | Self::FreeSurferSegmentation => "--freesurfer",
            Self::Cat12 | Self::Cat12Surface => "--cat12-roi",
            Self::Qsirecon => "--qsirecon-stats",
        }
    }
}

impl fmt::Display for AtlasKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::ALL.into_iter().find(|(kind, _)| kind == self).map(|(_, word)| word);
        f.write_str(word.unwrap_or_default())
    }
}

/// Parses a choice.
pub(crate) fn parse_atlas(text: &str) -> Result<(AtlasKind, String), String> {
    let kinds = AtlasKind::ALL.map(|(_, word)| word).join(", ");
    let Some((word, name)) = text.split_once('=').filter(|(_, name)| !name.is_empty()) else {
        return Err(format!(
            "expected KIND=NAME, where KIND is one of {kinds}; parcellate's atlas, --atlas in the pandas package, is --atlas-name here"
        ));
    };
    match AtlasKind::ALL.into_iter().find(|(_, of)| *of == word) {
        Some(_) if name.contains('/') => Err(format!("{name} is no name: it has a /")),
        Some((kind, _)) => Ok((kind, name.to_owned())),
        None => Err(format!("{word:?} has no atlas: expected one of {kinds}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_atlas_is_of_a_kind_that_has_one() {
        let aparc = (AtlasKind::FreeSurfer, "aparc.a2009s".to_owned());
        assert_eq!(parse_atlas("freesurfer=aparc.a2009s"), Ok(aparc));
        assert_eq!(
            parse_atlas("freesurfer-seg=gtmseg").map(|(kind, _)| kind),
            Ok(AtlasKind::FreeSurferSegmentation)
        );
        for text in ["aparc", "freesurfer=", "qsiparc=x", "=x", "freesurfer=a/b"] {
            assert!(parse_atlas(text).is_err(), "{text}");
        }
    }
}
