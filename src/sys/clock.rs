//! Whether something keeps the clock right.

/// What adjtimex(2) says while nothing does.
const UNSYNCHRONISED: i32 = libc::STA_UNSYNC;

/// Whether a time service (NTP, PTP, the host of a virtual machine) keeps the clock right; none
/// where the kernel does not tell.
pub fn is_kept_right() -> Option<bool> {
    // SAFETY: timex is plain numbers, for all of which zero is a value.
    let mut state: libc::timex = unsafe { std::mem::zeroed() };
    // With no mode set adjtimex(2) only reads, which everybody may.
    state.modes = 0;
    // SAFETY: the pointer is to a whole timex, valid for the call.
    let code = unsafe { libc::adjtimex(&raw mut state) };
    (code >= 0).then_some(state.status & UNSYNCHRONISED == 0)
}

#[cfg(test)]
mod tests {
    #[test]
    fn asking_changes_nothing() {
        assert_eq!(super::is_kept_right(), super::is_kept_right());
    }
}
