//! SQLite 3 (libsqlite3), as far as look-ups need it: a database that is only read.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::Duration;

const OK: c_int = 0;
const ROW: c_int = 100;
const DONE: c_int = 101;
const NULL: c_int = 5;
const OPEN_READONLY: c_int = 1;
/// The library takes care that two threads do not get in each other's way.
const OPEN_FULLMUTEX: c_int = 0x0001_0000;

#[link(name = "sqlite3")]
unsafe extern "C" {
    fn sqlite3_open_v2(
        path: *const c_char,
        database: *mut *mut c_void,
        flags: c_int,
        system: *const c_char,
    ) -> c_int;
    fn sqlite3_close_v2(database: *mut c_void) -> c_int;
    fn sqlite3_errmsg(database: *mut c_void) -> *const c_char;
    fn sqlite3_busy_timeout(database: *mut c_void, milliseconds: c_int) -> c_int;
    fn sqlite3_interrupt(database: *mut c_void);
    fn sqlite3_prepare_v2(
        database: *mut c_void,
        text: *const c_char,
        length: c_int,
        statement: *mut *mut c_void,
        rest: *mut *const c_char,
    ) -> c_int;
    fn sqlite3_step(statement: *mut c_void) -> c_int;
    fn sqlite3_column_type(statement: *mut c_void, column: c_int) -> c_int;
    fn sqlite3_column_text(statement: *mut c_void, column: c_int) -> *const u8;
    fn sqlite3_column_bytes(statement: *mut c_void, column: c_int) -> c_int;
    fn sqlite3_finalize(statement: *mut c_void) -> c_int;
}

/// An open database. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Database(Arc<Handle>);

#[derive(Debug)]
struct Handle(NonNull<c_void>);

// SAFETY: the database is opened with OPEN_FULLMUTEX, so the library serialises all calls on it
// and on its statements, whatever threads they come from.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle came from sqlite3_open_v2 and is closed only here; statements are
        // finalized before, as they borrow the database.
        unsafe { sqlite3_close_v2(self.0.as_ptr()) };
    }
}

/// What is wrong with a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SqlError {
    /// It makes no sense; the library's words.
    Prepare(String),
    /// It broke off; the library's words.
    Step(String),
    /// The caller wants no more values.
    Enough,
}

impl Database {
    /// Opens a file for reading; while somebody writes to it, readers wait for so long. The error
    /// is the library's text.
    pub fn open(path: &Path, busy: Duration) -> Result<Self, String> {
        use std::os::unix::ffi::OsStrExt as _;
        let path = CString::new(path.as_os_str().as_bytes())
            .map_err(|_| "the path has a NUL byte".to_owned())?;
        let mut raw = ptr::null_mut();
        let flags = OPEN_READONLY | OPEN_FULLMUTEX;
        // SAFETY: the path ends in NUL, and `raw` is a place for the handle.
        let code = unsafe { sqlite3_open_v2(path.as_ptr(), &mut raw, flags, ptr::null()) };
        let Some(handle) = NonNull::new(raw) else {
            return Err("out of memory".into());
        };
        // Also a failure leaves a handle that has to be closed.
        let database = Self(Arc::new(Handle(handle)));
        if code != OK {
            return Err(database.words());
        }
        let busy = c_int::try_from(busy.as_millis()).unwrap_or(c_int::MAX);
        // SAFETY: the handle is open.
        unsafe { sqlite3_busy_timeout(database.raw(), busy) };
        Ok(database)
    }

    /// Gives the values in the first column to `take`, NULL as none, until it says that it wants
    /// no more. A text behind the first statement is left alone.
    pub fn query(
        &self,
        text: &str,
        mut take: impl FnMut(Option<&[u8]>) -> bool,
    ) -> Result<(), SqlError> {
        let length = c_int::try_from(text.len())
            .map_err(|_| SqlError::Prepare("query is too long".to_owned()))?;
        let mut raw = ptr::null_mut();
        // SAFETY: the text has `length` bytes, `raw` is a place for the statement.
        let code = unsafe {
            sqlite3_prepare_v2(self.raw(), text.as_ptr().cast(), length, &mut raw, ptr::null_mut())
        };
        if code != OK {
            return Err(SqlError::Prepare(self.words()));
        }
        let Some(raw) = NonNull::new(raw) else {
            // A query of comments alone.
            return Ok(());
        };
        let statement = Statement { raw, _database: self };
        loop {
            // SAFETY: the statement lives until the end of this function.
            match unsafe { sqlite3_step(statement.raw.as_ptr()) } {
                ROW if !statement.with_value(&mut take) => return Err(SqlError::Enough),
                ROW => {}
                DONE => return Ok(()),
                _ => return Err(SqlError::Step(self.words())),
            }
        }
    }

    /// Makes a query that runs in another thread break off.
    pub fn interrupt(&self) {
        // SAFETY: the handle is open, and this call is meant for other threads.
        unsafe { sqlite3_interrupt(self.raw()) };
    }

    fn raw(&self) -> *mut c_void {
        self.0.0.as_ptr()
    }

    /// The library's words for the last error.
    fn words(&self) -> String {
        // SAFETY: the result is a string that ends in NUL and is good until the next call on the
        // database; it is copied at once.
        let text = unsafe { sqlite3_errmsg(self.raw()) };
        if text.is_null() {
            return "unknown error".into();
        }
        // SAFETY: as above.
        unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
    }
}

struct Statement<'d> {
    raw: NonNull<c_void>,
    _database: &'d Database,
}

impl Statement<'_> {
    /// Gives the value in the first column of the current row to `take`.
    fn with_value(&self, take: &mut impl FnMut(Option<&[u8]>) -> bool) -> bool {
        let raw = self.raw.as_ptr();
        // SAFETY: there is a row. The text is asked for before its length, as the manual wants it,
        // and is good until the next step; a column that is not there is NULL.
        unsafe {
            if sqlite3_column_type(raw, 0) == NULL {
                return take(None);
            }
            let text = sqlite3_column_text(raw, 0);
            let length = usize::try_from(sqlite3_column_bytes(raw, 0)).unwrap_or(0);
            if text.is_null() {
                return take(None);
            }
            take(Some(std::slice::from_raw_parts(text, length)))
        }
    }
}

impl Drop for Statement<'_> {
    fn drop(&mut self) {
        // SAFETY: the statement came from sqlite3_prepare_v2 and is given up only here.
        unsafe { sqlite3_finalize(self.raw.as_ptr()) };
    }
}

/// Runs statements on a database that is made if need be.
#[cfg(test)]
pub fn execute(path: &Path, statements: &str) {
    use std::os::unix::ffi::OsStrExt as _;
    #[link(name = "sqlite3")]
    unsafe extern "C" {
        fn sqlite3_exec(
            database: *mut c_void,
            text: *const c_char,
            callback: *const c_void,
            argument: *mut c_void,
            error: *mut *mut c_char,
        ) -> c_int;
    }
    let path = CString::new(path.as_os_str().as_bytes()).unwrap();
    let text = CString::new(statements).unwrap();
    let mut raw = ptr::null_mut();
    // SAFETY: both texts end in NUL; 6 is reading, writing and making; the handle is closed.
    unsafe {
        let code = sqlite3_open_v2(path.as_ptr(), &mut raw, 6, ptr::null());
        assert_eq!(code, OK);
        let none = ptr::null_mut();
        let code = sqlite3_exec(raw, text.as_ptr(), ptr::null(), none, ptr::null_mut());
        assert_eq!(code, OK, "{statements}");
        sqlite3_close_v2(raw);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_errors() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db");
        assert!(Database::open(&path, Duration::ZERO).is_err());
        execute(&path, "CREATE TABLE t (v); INSERT INTO t VALUES ('a'), (NULL), (7), (1.5), ('');");
        let database = Database::open(&path, Duration::from_secs(1)).unwrap();
        let mut values = Vec::new();
        let mut take = |value: Option<&[u8]>| {
            values.push(value.map(<[u8]>::to_vec));
            values.len() < 6
        };
        database.query("SELECT v FROM t; SELECT nonsense", &mut take).unwrap();
        let want = [Some("a"), None, Some("7"), Some("1.5"), Some("")];
        assert_eq!(values, want.map(|value| value.map(|value| value.as_bytes().to_vec())));
        assert!(matches!(database.query("SELECT x", |_| true), Err(SqlError::Prepare(_))));
        assert_eq!(database.query("SELECT v FROM t", |_| false), Err(SqlError::Enough));
        assert!(matches!(database.query("DELETE FROM t", |_| true), Err(SqlError::Step(_))));
        assert_eq!(database.query("-- nothing", |_| true), Ok(()));
    }

    #[test]
    fn a_query_that_takes_too_long() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db");
        execute(&path, "CREATE TABLE t (v);");
        let database = Database::open(&path, Duration::ZERO).unwrap();
        let same = database.clone();
        let thread = std::thread::spawn(move || {
            same.query("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x FROM n) SELECT count(*) FROM n", |_| true)
        });
        while !thread.is_finished() {
            database.interrupt();
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(thread.join().unwrap(), Err(SqlError::Step("interrupted".into())));
    }
}
