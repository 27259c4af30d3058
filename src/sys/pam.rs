//! PAM (libpam), as far as it takes to find out whether a password is right. Blocks for as long as a
//! module likes.

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::ptr;

const SUCCESS: c_int = 0;
const BUF_ERR: c_int = 5;
const CONV_ERR: c_int = 19;

const PROMPT_ECHO_OFF: c_int = 1;
const PROMPT_ECHO_ON: c_int = 2;

const ITEM_RHOST: c_int = 4;
const ITEM_FAIL_DELAY: c_int = 10;

const SILENT: c_int = 0x8000;
const DISALLOW_NULL_AUTHTOK: c_int = 1;

/// More messages at a time than any module may send (`PAM_MAX_NUM_MSG`).
const MESSAGES_MAX: c_int = 32;

#[repr(C)]
struct Message {
    style: c_int,
    text: *const c_char,
}

#[repr(C)]
struct Response {
    text: *mut c_char,
    code: c_int,
}

type Converse = unsafe extern "C" fn(
    count: c_int,
    messages: *mut *const Message,
    responses: *mut *mut Response,
    data: *mut c_void,
) -> c_int;

#[repr(C)]
struct Conversation {
    converse: Converse,
    data: *mut c_void,
}

#[link(name = "pam")]
unsafe extern "C" {
    fn pam_start(
        service: *const c_char,
        user: *const c_char,
        conversation: *const Conversation,
        handle: *mut *mut c_void,
    ) -> c_int;
    fn pam_end(handle: *mut c_void, status: c_int) -> c_int;
    fn pam_authenticate(handle: *mut c_void, flags: c_int) -> c_int;
    fn pam_acct_mgmt(handle: *mut c_void, flags: c_int) -> c_int;
    fn pam_set_item(handle: *mut c_void, item: c_int, value: *const c_void) -> c_int;
    fn pam_strerror(handle: *mut c_void, code: c_int) -> *const c_char;
}

/// PAM did not say yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What was asked: `pam_authenticate`, say.
    pub call: &'static str,
    /// The answer, as in `_pam_types.h`.
    pub code: i32,
    /// The answer in words.
    pub text: String,
}

impl Failure {
    /// Whether it is an answer about the user, and not about PAM.
    pub fn is_refusal(&self) -> bool {
        // PERM_DENIED, AUTH_ERR, CRED_INSUFFICIENT, USER_UNKNOWN, MAXTRIES, NEW_AUTHTOK_REQD,
        // ACCT_EXPIRED, CRED_EXPIRED, IGNORE, AUTHTOK_EXPIRED
        matches!(self.code, 6 | 7 | 8 | 10 | 11 | 12 | 13 | 16 | 25 | 27)
    }
}

/// What the modules are told when they ask.
struct Answers<'a> {
    user: &'a CStr,
    password: &'a CStr,
}

/// Asks PAM whether this is the user's password, and whether the user may log in now. Texts with a
/// NUL byte are nobody's.
pub fn check(service: &str, user: &str, password: &[u8], host: &str) -> Result<(), Failure> {
    let nul = |_| Failure { call: "pam_start", code: 7, text: "a NUL byte".into() };
    let service = CString::new(service).map_err(nul)?;
    let user = CString::new(user).map_err(nul)?;
    let password = CString::new(password).map_err(nul)?;
    let host = CString::new(host).map_err(nul)?;
    let answers = Answers { user: &user, password: &password };
    let data = ptr::from_ref(&answers).cast_mut().cast();
    let conversation = Conversation { converse, data };
    let mut handle = ptr::null_mut();
    // SAFETY: all texts end in NUL; libpam copies the conversation, whose data lives until pam_end.
    let code = unsafe { pam_start(service.as_ptr(), user.as_ptr(), &conversation, &mut handle) };
    if code != SUCCESS || handle.is_null() {
        return Err(Failure { call: "pam_start", code, text: words(ptr::null_mut(), code) });
    }
    let result = asked(handle, &host);
    let code = result.as_ref().err().map_or(SUCCESS, |failure| failure.code);
    // SAFETY: the handle came from pam_start, and is not used after this.
    unsafe { pam_end(handle, code) };
    result
}

fn asked(handle: *mut c_void, host: &CStr) -> Result<(), Failure> {
    let failure = |call, code| Failure { call, code, text: words(handle, code) };
    let no_delay: unsafe extern "C" fn(c_int, c_uint, *mut c_void) = no_delay;
    // SAFETY: the handle is open. RHOST is copied; FAIL_DELAY is a function that lives as long as
    // the program. Neither item matters so much that a failure to set it would.
    unsafe {
        if !host.is_empty() {
            pam_set_item(handle, ITEM_RHOST, host.as_ptr().cast());
        }
        pam_set_item(handle, ITEM_FAIL_DELAY, no_delay as *const c_void);
    }
    let flags = SILENT | DISALLOW_NULL_AUTHTOK;
    // SAFETY: the handle is open; the texts of the conversation live until pam_end.
    let code = unsafe { pam_authenticate(handle, flags) };
    if code != SUCCESS {
        return Err(failure("pam_authenticate", code));
    }
    // SAFETY: as above.
    match unsafe { pam_acct_mgmt(handle, flags) } {
        SUCCESS => Ok(()),
        code => Err(failure("pam_acct_mgmt", code)),
    }
}

fn words(handle: *mut c_void, code: c_int) -> String {
    // SAFETY: libpam's texts are constants that end in NUL; it does not look at the handle.
    let text = unsafe {
        let text = pam_strerror(handle, code);
        if text.is_null() { None } else { Some(CStr::from_ptr(text)) }
    };
    text.map_or_else(|| format!("error {code}"), |text| text.to_string_lossy().into_owned())
}

/// Wrong passwords make no module wait: smtpd slows those who guess, and a wait here would hold a
/// place that others need.
unsafe extern "C" fn no_delay(_status: c_int, _microseconds: c_uint, _data: *mut c_void) {}

/// Answers what the modules ask: the name to a visible prompt, the password to a hidden one, and
/// nothing to what they only say.
///
/// # Safety
///
/// libpam calls it with `count` messages and the data of [`check`].
unsafe extern "C" fn converse(
    count: c_int,
    messages: *mut *const Message,
    responses: *mut *mut Response,
    data: *mut c_void,
) -> c_int {
    let Ok(count) = usize::try_from(count) else { return CONV_ERR };
    if count == 0 || count > MESSAGES_MAX as usize || messages.is_null() || responses.is_null() {
        return CONV_ERR;
    }
    // SAFETY: the data is that of `check`, which waits for libpam.
    let answers = unsafe { &*data.cast::<Answers<'_>>() };
    // SAFETY: plain allocation of zeros; a response of zeros is an empty one.
    let made = unsafe { libc::calloc(count, size_of::<Response>()) }.cast::<Response>();
    if made.is_null() {
        return BUF_ERR;
    }
    for at in 0..count {
        // SAFETY: libpam (on Linux) passes an array of `count` pointers to messages.
        let style = unsafe { (**messages.add(at)).style };
        let text = match style {
            PROMPT_ECHO_OFF => answers.password,
            PROMPT_ECHO_ON => answers.user,
            _ => continue,
        };
        // SAFETY: `at` is within the array; libpam frees the copy and the array. When there is no
        // memory for a copy, the response is empty.
        unsafe { (*made.add(at)).text = libc::strdup(text.as_ptr()) };
    }
    // SAFETY: where libpam wants the array.
    unsafe { *responses = made };
    SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_nobodys() {
        let failure = check("smtp", "jo\0e", b"x", "").unwrap_err();
        assert!(failure.is_refusal());
        assert!(check("smtp", "joe", b"x\0", "").unwrap_err().is_refusal());
    }

    #[test]
    fn a_user_that_there_is_not() {
        let failure = check("postfix-rs-no-such-service", "no-such-user", b"x", "").unwrap_err();
        assert!(!failure.text.is_empty());
    }
}
