//! Berkeley DB (libdb), as far as `hash:` and `btree:` tables are made and changed with it. They
//! are read without it, see `lookup::berkeley`.

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr::{self, NonNull};

// In berkeley.c, which build.rs compiles.
unsafe extern "C" {
    fn pfrs_db_open(
        path: *const c_char,
        is_btree: c_int,
        create: c_int,
        truncate: c_int,
        cache: c_uint,
        buckets: c_uint,
        result: *mut *mut c_void,
    ) -> c_int;
    fn pfrs_db_put(
        handle: *mut c_void,
        key: *const u8,
        key_length: c_uint,
        value: *const u8,
        value_length: c_uint,
    ) -> c_int;
    fn pfrs_db_delete(handle: *mut c_void, key: *const u8, key_length: c_uint) -> c_int;
    fn pfrs_db_close(handle: *mut c_void) -> c_int;
    fn pfrs_db_words(failed: c_int) -> *const c_char;
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// A new one is made; there must be none.
    Create,
    /// All records of the one that is there are thrown away.
    Truncate,
    /// Records of the one that is there are changed.
    Change,
}

/// A file that is being written. Nobody else may do so meanwhile: that is the caller's to see to.
#[derive(Debug)]
pub struct Writer(NonNull<c_void>);

/// What a hash file is laid out for at first, as Postfix does: the order of records in it depends
/// on that.
const BUCKETS: c_uint = 4096;

impl Writer {
    /// Opens the file at `path`, which must be absolute; `cache` is the library's, in bytes. The
    /// error is the library's text.
    pub fn open(path: &Path, is_btree: bool, how: Opening, cache: u32) -> Result<Self, String> {
        let path = CString::new(path.as_os_str().as_bytes())
            .map_err(|_| "the path has a NUL byte".to_owned())?;
        let mut handle = ptr::null_mut();
        // SAFETY: the path ends in NUL, and `handle` is a place for the handle.
        let code = unsafe {
            pfrs_db_open(
                path.as_ptr(),
                c_int::from(is_btree),
                c_int::from(how == Opening::Create),
                c_int::from(how == Opening::Truncate),
                cache,
                BUCKETS,
                &mut handle,
            )
        };
        check(code)?;
        NonNull::new(handle).map(Self).ok_or_else(|| "out of memory".to_owned())
    }

    /// Puts a record in, in place of the one with that key if there is one.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), String> {
        let (key_length, value_length) = (length(key)?, length(value)?);
        let handle = self.0.as_ptr();
        // SAFETY: the handle is open; key and value are as long as said, and copied at once.
        let code =
            unsafe { pfrs_db_put(handle, key.as_ptr(), key_length, value.as_ptr(), value_length) };
        check(code)
    }

    /// Takes a record out, if it is there.
    pub fn delete(&mut self, key: &[u8]) -> Result<(), String> {
        let key_length = length(key)?;
        // SAFETY: the handle is open; the key is as long as said.
        check(unsafe { pfrs_db_delete(self.0.as_ptr(), key.as_ptr(), key_length) })
    }

    /// Writes everything to the file, and closes it.
    pub fn close(self) -> Result<(), String> {
        let handle = std::mem::ManuallyDrop::new(self).0;
        // SAFETY: the handle is open, and nobody uses it after this.
        check(unsafe { pfrs_db_close(handle.as_ptr()) })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // SAFETY: as in `close`, which has not been called.
        unsafe { pfrs_db_close(self.0.as_ptr()) };
    }
}

fn length(bytes: &[u8]) -> Result<c_uint, String> {
    c_uint::try_from(bytes.len()).map_err(|_| "File too large".to_owned())
}

/// The library's words for a failure.
fn check(code: c_int) -> Result<(), String> {
    if code == 0 {
        return Ok(());
    }
    // SAFETY: the result is a string that ends in NUL and is not freed; it is copied at once.
    let words = unsafe { pfrs_db_words(code) };
    if words.is_null() {
        return Err("unknown error".to_owned());
    }
    // SAFETY: as above.
    Err(unsafe { CStr::from_ptr(words) }.to_string_lossy().into_owned())
}
