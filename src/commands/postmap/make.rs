//! Makes tables of source files, and adds records to them.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{Gid, Uid, getgroups, getuid, setegid, seteuid, setgroups};

use super::ask::unchangeable;
use super::options::{Verb, Which};
use super::{Context, Fatal};
use crate::config::parameters as p;
use crate::config::why;
use crate::lookup::{Builder, can_make, map_types, read_aliases, read_records, unsupported};

/// Largest source file.
const LARGEST: u64 = 2 << 30;

/// A source text, and what the file says about the table to be made.
struct Source {
    path: String,
    text: Vec<u8>,
    owner: Uid,
    group: Gid,
    /// Its access rights if it is a file.
    mode: Option<u32>,
}

impl Source {
    fn read(path: &str, file: impl Read, metadata: &std::fs::Metadata) -> Result<Self, Fatal> {
        let mut text = Vec::new();
        file.take(LARGEST)
            .read_to_end(&mut text)
            .map_err(|e| Fatal(format!("read {path}: {}", why(&e))))?;
        Ok(Self {
            path: path.to_owned(),
            text,
            owner: Uid::from_raw(metadata.uid()),
            group: Gid::from_raw(metadata.gid()),
            mode: metadata.is_file().then(|| metadata.mode()),
        })
    }

    /// The file `path`; standard input for `-i`.
    fn open(path: &str, verb: &Verb) -> Result<Self, Fatal> {
        let failed = |e: std::io::Error| Fatal(format!("open {path}: {}", why(&e)));
        let (name, file) = match verb {
            Verb::Update => {
                let input = std::io::stdin().as_fd().try_clone_to_owned().map_err(failed)?;
                ("stdin", File::from(input))
            }
            _ => (path, File::open(path).map_err(failed)?),
        };
        let metadata = file.metadata().map_err(failed)?;
        Self::read(name, file, &metadata)
    }
}

/// Makes or changes one table.
pub(super) fn make(context: &Context, kind: &str, name: &str) -> Result<(), Fatal> {
    let call = &context.call;
    if kind == "proxy" && call.verb == Verb::Make {
        return Err("can't create maps via the proxy service".to_owned().into());
    }
    if kind == "proxy" {
        return update_behind_proxy(context, name);
    }
    let source = Source::open(name, &call.verb)?;
    let mask = 0o022 | source.mode.filter(|_| call.save_mode).map_or(0, |mode| !mode & 0o077);
    let owner = owner(context, &source, name)?;
    let _rights = owner.map(|(user, group)| Rights::of(user, group)).transpose()?;
    check_type(kind, name, &call.verb)?;
    let making = context.making(0o644 & !mask);
    let builder = match call.verb {
        Verb::Update => Builder::existing(kind, name, making, true)?,
        _ => Builder::new(kind, name, making),
    };
    fill(context, builder, &source)
}

/// `-i` through `proxy:`, where the mail system's own user writes.
fn update_behind_proxy(context: &Context, name: &str) -> Result<(), Fatal> {
    let source = Source::open(name, &Verb::Update)?;
    let behind = BehindProxy::open(context, name)?;
    let BehindProxy { kind, name, .. } = &behind;
    check_type(kind, name, &Verb::Update)?;
    fill(context, Builder::existing(kind, name, context.making(PRIVATE), true)?, &source)
}

/// Of files that proxymap(8) makes.
const PRIVATE: u32 = 0o600;

/// A table behind `proxy:` that may be written, and the rights to do so until this is dropped.
pub(super) struct BehindProxy {
    pub(super) kind: String,
    pub(super) name: String,
    _rights: Option<Rights>,
}

impl BehindProxy {
    /// `name` is what stands behind `proxy:`.
    pub(super) fn open(context: &Context, name: &str) -> Result<Self, Fatal> {
        let spec = format!("proxy:{name}");
        let inner = crate::lookup::writable(&context.config, &spec, &context.log)?;
        let (kind, name) = inner.split_once(':').unwrap_or((inner, ""));
        let (kind, name) = (kind.to_owned(), name.to_owned());
        let rights = match getuid().is_root() {
            true => {
                let owner = context.config.text(&p::mail_owner);
                let user = crate::sys::users::user(&owner)
                    .map_err(|_| Fatal(format!("unknown user name: {owner}")))?;
                Some(Rights::of(user.uid, user.gid)?)
            }
            false => None,
        };
        Ok(Self { kind, name, _rights: rights })
    }
}

fn fill(context: &Context, mut builder: Builder, source: &Source) -> Result<(), Fatal> {
    let mut report = |text: String| context.log.warning(format_args!("{text}"));
    let utf8 = context.call.utf8 && context.config.bool(&p::smtputf8_enable);
    match context.which {
        Which::Postmap => read_records(
            &source.path,
            &source.text,
            utf8,
            context.call.files,
            &mut |key, value, _, report| builder.put(key, value, report),
            &mut report,
        )?,
        Which::Postalias => {
            read_aliases(
                &source.path,
                &source.text,
                utf8,
                &mut |key, value, _, report| builder.put(key, value, report),
                &mut report,
            )?;
            // sendmail's mark of a complete alias database.
            if context.call.verb == Verb::Update {
                builder.replace_from_now_on();
            }
            builder.put(b"@", b"@", &mut report)?;
        }
    }
    builder.finish().map_err(Fatal)
}

fn check_type(kind: &str, name: &str, verb: &Verb) -> Result<(), Fatal> {
    if can_make(kind) {
        return Ok(());
    }
    let known = map_types().iter().any(|(known, available)| *known == kind && *available);
    if !known {
        return Err(unsupported(kind).replacen("dictionary", "map", 1).into());
    }
    if *verb == Verb::Make && kind != "fail" {
        return Err(format!("no 'map create' support for this type: {kind}").into());
    }
    Err(unchangeable(kind, name, if kind == "fail" { "write" } else { "update" }).into())
}

/// Whose rights the table is made with: the owner of the source, so that a fault here is of no
/// use to that owner. A source of root in somebody else's folder is made with that one's rights,
/// who could replace it anyway; Postfix's warning says what is wrong.
fn owner(context: &Context, source: &Source, name: &str) -> Result<Option<(Uid, Gid)>, Fatal> {
    if !context.call.as_owner || !getuid().is_root() {
        return Ok(None);
    }
    if !source.owner.is_root() {
        return Ok(Some((source.owner, source.group)));
    }
    let folder = Path::new(name).parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let metadata = std::fs::metadata(folder)
        .map_err(|e| Fatal(format!("stat {}: {}", folder.display(), why(&e))))?;
    if metadata.uid() == 0 {
        return Ok(None);
    }
    let folder = folder.display();
    context.log.warning(format_args!(
        "Creating root-owned database file(s) {name}.* in non-root-owned directory {folder}. \
         Files {}, {name}.*, and directory {folder} should have the same owner. Please fix \
         ownership to avoid a privilege-escalation attack.",
        source.path
    ));
    Ok(Some((Uid::from_raw(metadata.uid()), Gid::from_raw(metadata.gid()))))
}

/// The rights of a user, until this is dropped.
struct Rights {
    groups: Vec<Gid>,
}

impl Rights {
    fn of(user: Uid, group: Gid) -> Result<Self, Fatal> {
        let failed = |what: &str, id: u32, e: nix::Error| {
            Fatal(format!("set_eugid: {what}({id}): {}", e.desc()))
        };
        let groups = getgroups().unwrap_or_default();
        let rights = Self { groups };
        setgroups(&[group]).map_err(|e| failed("setgroups", group.as_raw(), e))?;
        setegid(group).map_err(|e| failed("setegid", group.as_raw(), e))?;
        seteuid(user).map_err(|e| failed("seteuid", user.as_raw(), e))?;
        Ok(rights)
    }
}

impl Drop for Rights {
    fn drop(&mut self) {
        // If one of these fails, the command goes on with fewer rights than it had.
        let _ = seteuid(Uid::from_raw(0));
        let _ = setegid(Gid::from_raw(0));
        let _ = setgroups(&self.groups);
    }
}
