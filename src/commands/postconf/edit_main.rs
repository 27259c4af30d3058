//! Changes main.cf in place: every byte that is not about the names stays as it is.

use std::collections::BTreeMap;
use std::path::Path;

use super::options::{Mode, Options};
use super::{Outcome, Speaker};
use crate::config::lines::{is_space, split_assignment};
use crate::config::why;

/// What to do with one name.
struct Request {
    value: Option<String>,
    found: usize,
}

/// Carries out `-e`, `-X` or `-#`.
pub(super) fn edit(options: &Options, speaker: &Speaker) -> Outcome<()> {
    let mut requests = requests(options, speaker)?;
    let path = options.directory().join("main.cf");
    rewrite(&path, |text| {
        let mut result = String::with_capacity(text.len());
        let mut interesting = false;
        for line in text.split_inclusive('\n') {
            let inside = line.trim_start_matches(is_space);
            if inside.is_empty() || inside.starts_with('#') {
                result.push_str(&ended(line));
            } else if inside.len() < line.len() {
                match (interesting, options.has(Mode::COMMENT_OUT)) {
                    (false, _) => result.push_str(&ended(line)),
                    (true, true) => result.push_str(&format!("#{}", ended(line))),
                    (true, false) => {}
                }
            } else {
                interesting = start(line, options, &mut requests, &path, &mut result, speaker);
            }
        }
        for (name, request) in &requests {
            if let (0, Some(value)) = (request.found, &request.value) {
                result.push_str(&format!("{name} = {value}\n"));
            }
        }
        Ok(result)
    })
}

/// A line that begins a setting; whether it is one to change.
fn start(
    line: &str,
    options: &Options,
    requests: &mut BTreeMap<String, Request>,
    path: &Path,
    result: &mut String,
    speaker: &Speaker,
) -> bool {
    let end = line.find(|c| is_space(c) || c == '=').unwrap_or(line.len());
    let name = line.get(..end).unwrap_or_default();
    let Some(request) = requests.get_mut(name) else {
        result.push_str(&ended(line));
        return false;
    };
    if request.found == 1 {
        speaker.warning(format_args!("{}: multiple entries for \"{name}\"", path.display()));
    }
    request.found += 1;
    if let Some(value) = &request.value {
        result.push_str(&format!("{name} = {value}\n"));
    } else if options.has(Mode::COMMENT_OUT) {
        result.push_str(&format!("#{}", ended(line)));
    }
    true
}

/// The line with a line end.
pub(super) fn ended(line: &str) -> std::borrow::Cow<'_, str> {
    if line.ends_with('\n') { line.into() } else { format!("{line}\n").into() }
}

fn requests(options: &Options, speaker: &Speaker) -> Outcome<BTreeMap<String, Request>> {
    let mut requests: BTreeMap<String, Request> = BTreeMap::new();
    for argument in &options.names {
        if argument.contains('\n') {
            return Err("-e, -X, or -# accepts no multi-line input".into());
        }
        let text = argument.trim_start_matches(is_space);
        if text.starts_with('#') {
            return Err("-e, -X, or -# accepts no comment input".into());
        }
        let (name, value) = if options.has(Mode::EDIT) {
            let (name, value) =
                split_assignment(text).map_err(|why| format!("{why}: \"{text}\""))?;
            (name, Some(value.to_owned()))
        } else if text.is_empty() {
            return Err("-X or -# requires non-blank parameter names".into());
        } else if text.contains('=') {
            return Err("-X or -# requires parameter names without value".into());
        } else {
            (text.trim_end_matches(is_space), None)
        };
        let request = Request { value, found: 0 };
        let new = request.value.clone();
        if let Some(Request { value: Some(old), .. }) = requests.insert(name.to_owned(), request)
            && new.as_ref() != Some(&old)
        {
            speaker.warning(format_args!("ignoring earlier request: '{name} = {old}'"));
        }
    }
    Ok(requests)
}

/// Replaces a file by what `change` makes of its text: another file takes its place in one step,
/// and only one such command works at a time.
pub(super) fn rewrite(path: &Path, change: impl FnOnce(&str) -> Outcome<String>) -> Outcome<()> {
    use std::io::Write;
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let temporary = std::path::PathBuf::from(format!("{}.tmp", path.display()));
    let failed = |what: &str, e: &std::io::Error| format!("{what}: {}", why(e));
    let open = format!("open {}", temporary.display());
    let mut file = loop {
        let file = std::fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&temporary)
            .map_err(|e| failed(&open, &e))?;
        file.lock().map_err(|e| failed(&format!("lock {}", temporary.display()), &e))?;
        let mine = file.metadata().map_err(|e| failed(&open, &e))?;
        // Someone may have moved or removed it while we waited for the lock; what a crash left
        // behind is not used again.
        match std::fs::symlink_metadata(&temporary) {
            Ok(named) if same_file(&mine, &named) && named.len() == 0 => break file,
            Ok(named) if same_file(&mine, &named) => {
                std::fs::remove_file(&temporary)
                    .map_err(|e| failed(&format!("unlink {}", temporary.display()), &e))?;
            }
            _ => {}
        }
    };
    let result = std::fs::read(path)
        .map_err(|e| failed(&format!("open {} for reading", path.display()), &e))
        .and_then(|bytes| match String::from_utf8(bytes) {
            Ok(text) => change(&text).map(String::into_bytes),
            // Bytes that are no UTF-8 must survive: they travel as Latin-1.
            Err(e) => change(&e.as_bytes().iter().map(|b| char::from(*b)).collect::<String>())
                .map(|text| text.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect()),
        })
        .and_then(|bytes| {
            let close = format!("close {}", temporary.display());
            file.write_all(&bytes)
                .and_then(|()| file.set_permissions(std::fs::Permissions::from_mode(0o644)))
                .and_then(|()| file.sync_all())
                .and_then(|()| std::fs::rename(&temporary, path))
                .map_err(|e| failed(&close, &e))
        });
    if result.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    result
}

fn same_file(a: &std::fs::Metadata, b: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}
