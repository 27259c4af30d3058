//! Perl-compatible regular expressions through libpcre2-8, with limits on what one match may
//! cost: a pattern in a table must not stop a mail server.

use std::cell::RefCell;
use std::ptr::NonNull;

use pcre2_sys as ffi;

/// How a pattern is compiled; the letters are those of pcre_table(5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the PCRE2 option of the same name")]
pub struct Options {
    pub caseless: bool,
    pub multiline: bool,
    pub dotall: bool,
    pub extended: bool,
    pub anchored: bool,
    pub dollar_endonly: bool,
    pub ungreedy: bool,
}

/// A compiled pattern.
pub struct Pcre {
    code: NonNull<ffi::pcre2_code_8>,
    groups: usize,
}

/// Start and end of what a group matched; none if it took no part.
pub type Group = Option<(usize, usize)>;

/// Steps of one match; Postfix leaves the library's 10,000,000.
const MATCH_LIMIT: u32 = 2_000_000;
/// Memory of one match, in KB.
const HEAP_LIMIT: u32 = 20_000;
/// Groups that a match can report, the whole match included.
const GROUPS: u32 = 100;

// SAFETY: a compiled pattern is never changed after compilation (pcre2api(3), MULTITHREADING).
unsafe impl Send for Pcre {}
// SAFETY: as above; match data and context are per thread.
unsafe impl Sync for Pcre {}

/// What a match needs beside the pattern; one set per thread is enough.
struct Work {
    data: NonNull<ffi::pcre2_match_data_8>,
    context: NonNull<ffi::pcre2_match_context_8>,
}

impl Work {
    fn new() -> Option<Self> {
        // SAFETY: null means the default allocator; null results are looked at.
        unsafe {
            let context = NonNull::new(ffi::pcre2_match_context_create_8(std::ptr::null_mut()))?;
            ffi::pcre2_set_match_limit_8(context.as_ptr(), MATCH_LIMIT);
            ffi::pcre2_set_heap_limit_8(context.as_ptr(), HEAP_LIMIT);
            let data = ffi::pcre2_match_data_create_8(GROUPS, std::ptr::null_mut());
            match NonNull::new(data) {
                Some(data) => Some(Self { data, context }),
                None => {
                    ffi::pcre2_match_context_free_8(context.as_ptr());
                    None
                }
            }
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // SAFETY: both were created in `new` and are freed once.
        unsafe {
            ffi::pcre2_match_data_free_8(self.data.as_ptr());
            ffi::pcre2_match_context_free_8(self.context.as_ptr());
        }
    }
}

thread_local! {
    static WORK: RefCell<Option<Work>> = const { RefCell::new(None) };
}

impl Pcre {
    /// Compiles `pattern`; the error is its offset and the library's text.
    pub fn new(pattern: &[u8], options: Options) -> Result<Self, (usize, String)> {
        let flags = [
            (options.caseless, ffi::PCRE2_CASELESS),
            (options.multiline, ffi::PCRE2_MULTILINE),
            (options.dotall, ffi::PCRE2_DOTALL),
            (options.extended, ffi::PCRE2_EXTENDED),
            (options.anchored, ffi::PCRE2_ANCHORED),
            (options.dollar_endonly, ffi::PCRE2_DOLLAR_ENDONLY),
            (options.ungreedy, ffi::PCRE2_UNGREEDY),
        ];
        let flags = flags.iter().filter(|(on, _)| *on).fold(0, |all, (_, flag)| all | flag);
        let (mut error, mut offset) = (0, 0);
        // SAFETY: pointer and length describe `pattern`; the out arguments live long enough.
        let code = unsafe {
            ffi::pcre2_compile_8(
                pattern.as_ptr(),
                pattern.len(),
                flags,
                &raw mut error,
                &raw mut offset,
                std::ptr::null_mut(),
            )
        };
        let Some(code) = NonNull::new(code) else {
            return Err((offset, error_text(error)));
        };
        let mut groups = 0_u32;
        // SAFETY: the pattern is compiled; this request writes one u32.
        unsafe {
            ffi::pcre2_pattern_info_8(
                code.as_ptr(),
                ffi::PCRE2_INFO_CAPTURECOUNT,
                (&raw mut groups).cast(),
            );
        }
        Ok(Self { code, groups: usize::try_from(groups).unwrap_or(usize::MAX) })
    }

    /// The number of groups in the pattern.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// Whether `text` matches. `groups` receives what the whole pattern (first) and the groups
    /// matched. The error, such as an exceeded limit, is the library's text.
    pub fn matches(&self, text: &[u8], groups: &mut [Group]) -> Result<bool, String> {
        WORK.with_borrow_mut(|work| {
            if work.is_none() {
                *work = Work::new();
            }
            match work {
                Some(work) => self.run(work, text, groups),
                None => Err("no more memory".into()),
            }
        })
    }

    fn run(&self, work: &Work, text: &[u8], groups: &mut [Group]) -> Result<bool, String> {
        // SAFETY: pattern, text, match data and context are valid for the call; match data is
        // used by this thread only.
        let result = unsafe {
            ffi::pcre2_match_8(
                self.code.as_ptr(),
                text.as_ptr(),
                text.len(),
                0,
                0,
                work.data.as_ptr(),
                work.context.as_ptr(),
            )
        };
        if result == ffi::PCRE2_ERROR_NOMATCH {
            return Ok(false);
        }
        if result < 0 {
            return Err(error_text(result));
        }
        // SAFETY: the vector belongs to the match data and has two elements per pair.
        let pairs = unsafe {
            let count = ffi::pcre2_get_ovector_count_8(work.data.as_ptr());
            let count = usize::try_from(count).unwrap_or(0) * 2;
            std::slice::from_raw_parts(ffi::pcre2_get_ovector_pointer_8(work.data.as_ptr()), count)
        };
        // Zero means more groups than pairs; the pairs there are hold.
        let set = if result == 0 { pairs.len() } else { usize::try_from(result).unwrap_or(0) };
        groups.fill(None);
        for (group, pair) in groups.iter_mut().zip(pairs.chunks_exact(2)).take(set) {
            if let [start, end] = pair {
                *group = (start <= end && *end <= text.len()).then_some((*start, *end));
            }
        }
        Ok(true)
    }
}

impl Drop for Pcre {
    fn drop(&mut self) {
        // SAFETY: made by pcre2_compile, freed once.
        unsafe { ffi::pcre2_code_free_8(self.code.as_ptr()) }
    }
}

impl std::fmt::Debug for Pcre {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pcre")
    }
}

fn error_text(error: i32) -> String {
    let mut text = [0_u8; 256];
    // SAFETY: at most the given number of bytes are written.
    let length = unsafe { ffi::pcre2_get_error_message_8(error, text.as_mut_ptr(), text.len()) };
    match usize::try_from(length).ok().and_then(|length| text.get(..length)) {
        Some(text) if !text.is_empty() => String::from_utf8_lossy(text).into_owned(),
        _ => format!("unexpected pcre2 error code {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Options = Options {
        caseless: true,
        multiline: false,
        dotall: true,
        extended: false,
        anchored: false,
        dollar_endonly: false,
        ungreedy: false,
    };

    #[test]
    fn groups_and_errors() {
        let pcre = Pcre::new(b"^(a+)(x)?b", PLAIN).unwrap();
        let mut groups = [None; 3];
        assert_eq!(pcre.groups(), 2);
        assert_eq!(pcre.matches(b"AAB", &mut groups), Ok(true));
        assert_eq!(groups, [Some((0, 3)), Some((0, 2)), None]);
        assert_eq!(pcre.matches(b"cab", &mut groups), Ok(false));
        assert_eq!(pcre.matches(b"", &mut []), Ok(false));
        assert_eq!(Pcre::new(b"(a", PLAIN).unwrap_err().0, 2);
    }

    #[test]
    fn limits_hold() {
        let pcre = Pcre::new(b"^(a+)+$", PLAIN).unwrap();
        let mut text = vec![b'a'; 60];
        text.push(b'b');
        assert_eq!(pcre.matches(&text, &mut []), Err("match limit exceeded".into()));
    }
}
