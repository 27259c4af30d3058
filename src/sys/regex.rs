//! POSIX regular expressions through the C library: regcomp(3), regexec(3). Patterns in
//! regexp: tables must mean what they mean in Postfix, so it is the same engine.

use std::ffi::CStr;
use std::mem::MaybeUninit;

/// How a pattern is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Extended syntax (`REG_EXTENDED`).
    pub extended: bool,
    /// Case does not matter (`REG_ICASE`).
    pub ignore_case: bool,
    /// `.` and `[^x]` do not match a newline, `^` and `$` match at one (`REG_NEWLINE`).
    pub newline: bool,
    /// Nobody asks where groups matched (`REG_NOSUB`): faster.
    pub no_groups: bool,
}

/// A compiled pattern.
pub struct Regex {
    // regcomp may keep pointers into it, so it stays where it is.
    compiled: Box<libc::regex_t>,
    groups: usize,
}

/// Start and end of what a group matched; none if it took no part.
pub type Group = Option<(usize, usize)>;

// SAFETY: regexec(3) is MT-safe in glibc and musl, and takes the compiled pattern as const.
unsafe impl Send for Regex {}
// SAFETY: as above.
unsafe impl Sync for Regex {}

impl Regex {
    /// Compiles `pattern`; the error is the C library's text.
    pub fn new(pattern: &CStr, options: Options) -> Result<Self, String> {
        let flags = [
            (options.extended, libc::REG_EXTENDED),
            (options.ignore_case, libc::REG_ICASE),
            (options.newline, libc::REG_NEWLINE),
            (options.no_groups, libc::REG_NOSUB),
        ];
        let flags = flags.iter().filter(|(on, _)| *on).fold(0, |all, (_, flag)| all | flag);
        let mut compiled = Box::new(MaybeUninit::<libc::regex_t>::uninit());
        // SAFETY: the memory is large enough for a regex_t; the pattern ends in NUL.
        let error = unsafe { libc::regcomp(compiled.as_mut_ptr(), pattern.as_ptr(), flags) };
        if error != 0 {
            return Err(error_text(error, compiled.as_ptr()));
        }
        // SAFETY: regcomp returned success, so it filled the value in.
        let compiled = unsafe { compiled.assume_init() };
        Ok(Self { compiled, groups: count_groups(pattern.to_bytes(), options.extended) })
    }

    /// The number of groups in the pattern.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// Whether `text` matches. `groups` receives what the whole pattern (first) and the groups
    /// matched; it is left alone when the pattern was compiled with `no_groups`.
    pub fn matches(&self, text: &CStr, groups: &mut [Group]) -> Result<bool, String> {
        let none = libc::regmatch_t { rm_so: -1, rm_eo: -1 };
        let mut found = [none; 100];
        let count = groups.len().min(found.len());
        // SAFETY: pattern and text are valid; at most `count` elements of `found` are written.
        let error = unsafe {
            libc::regexec(&raw const *self.compiled, text.as_ptr(), count, found.as_mut_ptr(), 0)
        };
        match error {
            0 => {
                for (group, found) in groups.iter_mut().zip(found) {
                    *group = usize::try_from(found.rm_so).ok().zip(found.rm_eo.try_into().ok());
                }
                Ok(true)
            }
            libc::REG_NOMATCH => Ok(false),
            error => Err(error_text(error, &raw const *self.compiled)),
        }
    }
}

impl Drop for Regex {
    fn drop(&mut self) {
        // SAFETY: regcomp filled it in, and nobody else frees it.
        unsafe { libc::regfree(&raw mut *self.compiled) }
    }
}

impl std::fmt::Debug for Regex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Regex")
    }
}

/// The number of groups in a pattern that compiled. The C library knows it too (`re_nsub`), but
/// its place differs from one library to another.
fn count_groups(pattern: &[u8], extended: bool) -> usize {
    let mut groups = 0;
    let mut rest = pattern;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match *first {
            b'\\' => {
                groups += usize::from(!extended && rest.first() == Some(&b'('));
                rest = rest.get(1..).unwrap_or_default();
            }
            b'(' if extended => groups += 1,
            b'[' => rest = after_bracket(rest),
            _ => {}
        }
    }
    groups
}

/// What follows the bracket expression whose inside `text` begins with.
fn after_bracket(text: &[u8]) -> &[u8] {
    let text = text.strip_prefix(b"^").unwrap_or(text);
    let mut rest = text.strip_prefix(b"]").unwrap_or(text);
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match (first, after.first()) {
            (b']', _) => break,
            (b'[', Some(kind @ (b':' | b'.' | b'='))) => {
                let end = after.windows(2).skip(1).position(|pair| pair == [*kind, b']']);
                rest = end.and_then(|end| after.get(end + 3..)).unwrap_or_default();
            }
            _ => {}
        }
    }
    rest
}

fn error_text(error: i32, compiled: *const libc::regex_t) -> String {
    let mut text = [0_u8; 256];
    // SAFETY: regerror writes at most the given number of bytes; it takes the pattern only as a
    // hint, and accepts one whose compilation failed.
    unsafe { libc::regerror(error, compiled, text.as_mut_ptr().cast(), text.len()) };
    match CStr::from_bytes_until_nul(&text) {
        Ok(text) => text.to_string_lossy().into_owned(),
        Err(_) => format!("regular expression error {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXTENDED: Options =
        Options { extended: true, ignore_case: true, newline: false, no_groups: false };

    #[test]
    fn groups_are_counted() {
        for (pattern, extended, groups) in [
            ("a(b(c))\\(", true, 2),
            ("a(b\\(c\\)", false, 1),
            ("[(](x)[^](]()", true, 2),
            ("[[:alpha:](](x)[[.(.]](y)", true, 2),
        ] {
            assert_eq!(count_groups(pattern.as_bytes(), extended), groups, "{pattern}");
        }
    }

    #[test]
    fn groups_and_errors() {
        let regex = Regex::new(c"^(a+)(x)?b", EXTENDED).unwrap();
        let mut groups = [None; 3];
        assert_eq!(regex.groups(), 2);
        assert_eq!(regex.matches(c"AAB", &mut groups), Ok(true));
        assert_eq!(groups, [Some((0, 3)), Some((0, 2)), None]);
        assert_eq!(regex.matches(c"cab", &mut groups), Ok(false));
        assert!(!Regex::new(c"(a", EXTENDED).unwrap_err().is_empty());
    }
}
