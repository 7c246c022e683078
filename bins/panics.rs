//! What is printed when the program panics.

use std::panic::{set_hook, take_hook};
use std::sync::Once;

/// Says nothing of panics that the store catches and reports as a damaged file; of all others as before.
pub fn keep_quiet_about_caught_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |panic| {
            if !na_store::is_decoding() {
                usual(panic);
            }
        }));
    });
}
