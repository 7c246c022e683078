//! Which of the listed sessions one of several processes loads: `--shard I/N`.

use std::fmt;
use std::str::FromStr;

use na_model::SubjectCode;
use xxhash_rust::xxh3::xxh3_64;

/// One of so many parts of a cohort. A subject is in the same part wherever it stands in a list, and whatever else is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: u64,
    of: u64,
}

impl Shard {
    /// The shard of this index, from 0.
    ///
    /// # Errors
    /// An index that is none of them.
    pub fn new(index: u64, of: u64) -> Result<Self, String> {
        if index < of {
            return Ok(Self { index, of });
        }
        Err(match of {
            0 => "there are 0 shards: expected I/N with N from 1 on".to_owned(),
            of => format!("shard {index} of {of}: they are counted from 0 to {}", of - 1),
        })
    }

    /// Whether a subject is in it.
    ///
    /// ```
    /// use na_model::SubjectCode;
    /// use na_pipeline::Shard;
    ///
    /// let shards = [Shard::new(0, 2)?, Shard::new(1, 2)?];
    /// let subject = SubjectCode::clean("0042").unwrap();
    /// assert_eq!(shards.iter().filter(|shard| shard.has(&subject)).count(), 1);
    /// # Ok::<(), String>(())
    /// ```
    #[must_use]
    pub fn has(&self, subject: &SubjectCode) -> bool {
        xxh3_64(subject.as_str().as_bytes()) % self.of == self.index
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |word: &str| word.trim().parse::<u64>().ok();
        let numbers = text.split_once('/').and_then(|(index, of)| Some((number(index)?, number(of)?)));
        let (index, of) = numbers.ok_or_else(|| format!("{text} is no I/N, such as 0/4"))?;
        Self::new(index, of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_subject_is_in_one_shard_and_all_are_about_alike() {
        let shards: Vec<Shard> = (0..7).map(|index| Shard::new(index, 7).unwrap()).collect();
        let mut counts = [0; 7];
        for n in 0..7000 {
            let subject = SubjectCode::clean(&n.to_string()).unwrap();
            let of: Vec<usize> = (0..7).filter(|index| shards[*index].has(&subject)).collect();
            assert_eq!(of.len(), 1);
            counts[of[0]] += 1;
        }
        assert!(counts.iter().all(|n| (850..1150).contains(n)), "{counts:?}");
    }

    #[test]
    fn what_is_no_shard_is_refused_with_what_would_be() {
        for (text, problem) in [("4/4", "from 0 to 3"), ("0/0", "from 1 on"), ("x", "0/4"), ("-1/4", "0/4")] {
            let error = text.parse::<Shard>().unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
        assert_eq!("3/4".parse::<Shard>().unwrap().to_string(), "3/4");
    }
}
