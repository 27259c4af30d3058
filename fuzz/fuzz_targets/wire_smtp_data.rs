//! Message content, whole and cut in two at every place: the stored bytes must be the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postfix_rs::wire::smtp_data::{BareLf, Data, Limits};

fuzz_target!(|data: &[u8]| {
    for bare_lf in [BareLf::Allow, BareLf::Normalize, BareLf::Reject] {
        let whole = stored(&[data], bare_lf);
        for cut in 0..=data.len().min(64) {
            let (a, b) = data.split_at(cut);
            assert_eq!(stored(&[a, b], bare_lf), whole);
        }
    }
});

/// What is stored when the content comes in these pieces, and whether the end was seen.
fn stored(pieces: &[&[u8]], bare_lf: BareLf) -> (Vec<u8>, bool) {
    let mut state = Data::new(Limits { line: 64, size: None, bare_lf });
    let (mut buffer, mut out) = (Vec::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        let taken = state.take(&buffer, &mut out);
        if taken.finished {
            return (out, true);
        }
        buffer.drain(..taken.used);
    }
    (out, false)
}
