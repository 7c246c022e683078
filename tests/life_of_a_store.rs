//! The road does not show: whatever a lab did to its files, its lists and its store, and wherever a run was killed, the
//! store is what a fresh load of the same would be.
//!
//! `LIVES=10000 cargo test --test life_of_a_store -- --nocapture` lives so many lives and says what was in them;
//! `LIFE=<seed>` lives one again, and says its steps.

mod life;
mod support;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use life::runs::Life;

const STEPS: usize = 30;

/// Lives in one run of all tests, and threads that they are lived on.
const LIVES: u64 = 20;
const THREADS: usize = 4;

/// What at least 15 of 100 lives have.
const KINDS: [&str; 15] = [
    "QSIParc",
    "CAT12's measures",
    "FreeSurfer",
    "CAT12's regions",
    "QSIRecon",
    "segments",
    "letters",
    "numbers",
    "clothing",
    "two lists",
    "labels",
    "prune",
    "withdrawn",
    "fresh load killed",
    "kept cache",
];

#[derive(Default)]
struct Told {
    kinds: BTreeMap<&'static str, u64>,
    n_steps: usize,
    failed: Vec<u64>,
}

/// Lives a life to its end, or to where the store is not what it should be.
fn live(seed: u64, told: &Mutex<Told>) {
    let mut life = Life::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let lived = catch_unwind(AssertUnwindSafe(|| (1..=STEPS).for_each(|n| life.step(n))));
    let mut told = told.lock().unwrap();
    life.kinds.iter().for_each(|kind| *told.kinds.entry(kind).or_default() += 1);
    told.n_steps += life.steps.len();
    if lived.is_err() || std::env::var_os("LIFE").is_some() {
        println!("life {seed}:\n  {}", life.steps.join("\n  "));
    }
    if lived.is_err() {
        println!("LIFE={seed} failed");
        told.failed.push(seed);
    }
}

#[test]
fn the_road_does_not_show() {
    let number = |name: &str| std::env::var(name).ok().map(|n| n.parse::<u64>().unwrap());
    let first = number("FIRST").unwrap_or(1);
    let (first, last) =
        number("LIFE").map_or((first, first + number("LIVES").unwrap_or(LIVES) - 1), |seed| (seed, seed));
    let (told, next) = (Mutex::new(Told::default()), AtomicU64::new(first));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(seed) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|seed| *seed <= last)
                {
                    live(seed, &told);
                }
            });
        }
    });
    let told = told.into_inner().unwrap();
    let n = last - first + 1;
    println!("{n} lives of seeds {first} to {last}, {} steps: {:?}", told.n_steps, told.kinds);
    assert!(told.failed.is_empty(), "{} of {n} lives failed: {:?}", told.failed.len(), told.failed);
    for kind in KINDS.iter().filter(|_| n >= 100) {
        let with = told.kinds.get(kind).copied().unwrap_or_default();
        assert!(with * 100 >= n * 15, "{kind} was in {with} of {n} lives only");
    }
}
