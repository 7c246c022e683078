//! Small groups: counts of sessions from which nobody can be told.
//!
//! Knows counts alone. A group of fewer than five people is told from no other small one, and also not by subtracting the others from a
//! total.

use std::collections::BTreeSet;

/// Groups of fewer people than this are drawn alike.
pub(crate) const SMALLEST: usize = 5;

/// Sessions that have something in common, and whose they are: six sessions of one person are that person's alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) n_sessions: usize,
    subjects: BTreeSet<usize>,
}

impl Group {
    /// Adds a session of a subject, which is known by its number.
    pub(crate) fn add(&mut self, subject: usize) {
        self.n_sessions += 1;
        self.subjects.insert(subject);
    }

    /// Adds all sessions of another group.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.n_sessions += other.n_sessions;
        self.subjects.append(&mut other.subjects);
    }

    pub(crate) fn n_subjects(&self) -> usize {
        self.subjects.len()
    }

    /// Whether it is too small to be told.
    pub(crate) fn is_small(&self) -> bool {
        self.n_subjects() < SMALLEST
    }

    /// Its sessions, of a small group no more than a small one has.
    fn size(&self) -> usize {
        if self.is_small() { self.n_sessions.min(SMALLEST - 1) } else { self.n_sessions }
    }
}

/// A count that may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Nobody.
    None,
    /// Somebody, and not how many.
    Few,
    Count(usize),
}

/// What may be shown of some groups whose total is known. The groups that are small are hidden; if the total would tell their sizes, the
/// smallest of the others are hidden with them: all that are of one size, so that which of the hidden is the small one stays open.
pub(crate) fn disclosed(groups: &[Group]) -> Vec<Shown> {
    let counts: Vec<usize> = groups.iter().map(Group::size).collect();
    let mut below = SMALLEST;
    while tells_sizes(&counts, below) {
        let Some(smallest) = counts.iter().copied().filter(|count| *count >= below).min() else { break };
        below = smallest + 1;
    }
    let shown = counts.iter().map(|count| match *count {
        0 => Shown::None,
        count if count < below => Shown::Few,
        count => Shown::Count(count),
    });
    shown.collect()
}

/// Whether the sum of the groups that are hidden, those of fewer sessions, says how large one of them is: it is one group, or all are as small
/// or as large as a small group can be.
fn tells_sizes(counts: &[usize], below: usize) -> bool {
    let hidden = || counts.iter().filter(|count| (1..below).contains(*count));
    let (n, sum) = (hidden().count(), hidden().sum::<usize>());
    let all_small = hidden().all(|count| *count < SMALLEST);
    n == 1 || (n > 1 && all_small && (sum == n || sum == n * (SMALLEST - 1)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Groups of as many people as sessions.
    fn of(counts: &[usize]) -> Vec<Group> {
        counts.iter().map(|n| Group { n_sessions: *n, subjects: (0..*n).collect() }).collect()
    }

    fn disclosed(counts: &[usize]) -> Vec<Shown> {
        super::disclosed(&of(counts))
    }

    #[test]
    fn many_sessions_of_one_person_are_a_small_group() {
        let mut groups = of(&[0, 9, 7]);
        (0..6).for_each(|_| groups[0].add(3));
        assert_eq!(super::disclosed(&groups), [Shown::Few, Shown::Count(9), Shown::Few]);
    }

    #[test]
    fn small_groups_look_alike() {
        assert_eq!(disclosed(&[0, 1, 4, 9]), [Shown::None, Shown::Few, Shown::Few, Shown::Count(9)]);
        assert_eq!(disclosed(&[2, 3, 9, 7]), disclosed(&[1, 4, 9, 7]));
    }

    #[test]
    fn one_small_group_takes_the_smallest_other_with_it() {
        assert_eq!(disclosed(&[4, 9, 7]), [Shown::Few, Shown::Count(9), Shown::Few]);
        assert_eq!(disclosed(&[1, 1, 9, 7]), [Shown::Few, Shown::Few, Shown::Count(9), Shown::Few]);
        assert_eq!(disclosed(&[3]), [Shown::Few]);
    }

    /// All ways to spread a total over the groups that have somebody.
    fn ways(occupied: &[bool], total: usize) -> Vec<Vec<usize>> {
        let Some((first, others)) = occupied.split_first() else {
            return if total == 0 { vec![Vec::new()] } else { Vec::new() };
        };
        let sizes = if *first { 1..total + 1 } else { 0..1 };
        let with =
            |size: usize| ways(others, total - size).into_iter().map(move |rest| [vec![size], rest].concat());
        sizes.flat_map(with).collect()
    }

    proptest! {
        /// Whoever knows the total, how groups are hidden and what is shown cannot tell the size of a hidden group.
        #[test]
        fn a_hidden_group_has_at_least_two_possible_sizes(counts in prop::collection::vec(0..9_usize, 1..5)) {
            let shown = disclosed(&counts);
            // With no other group to hide, the total says it all.
            prop_assume!(counts.iter().any(|count| *count >= SMALLEST));
            let occupied: Vec<bool> = counts.iter().map(|count| *count > 0).collect();
            let possible: Vec<Vec<usize>> =
                ways(&occupied, counts.iter().sum()).into_iter().filter(|way| disclosed(way) == shown).collect();
            for group in (0..counts.len()).filter(|group| shown[*group] == Shown::Few) {
                let sizes: BTreeSet<usize> = possible.iter().map(|way| way[group]).collect();
                prop_assert!(sizes.len() > 1, "{counts:?} {shown:?}");
            }
        }
    }
}
