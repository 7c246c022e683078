//! Chooses which panics are printed.

use std::panic::{set_hook, take_hook};
use std::sync::Once;

/// Silences panics that the store catches and reports as a damaged file. All others are printed as before.
pub fn keep_quiet_about_caught_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(install_hook);
}

fn install_hook() {
    let usual = take_hook();
    set_hook(Box::new(move |panic| {
        if !na_store::is_decoding() {
            usual(panic);
        }
    }));
}
