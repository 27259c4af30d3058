//! `postfix-installer migrate`: what another mail system was told, said in main.cf and tables.
//!
//! ```text
//! ssmtp.conf, msmtprc, nullmailer, esmtprc ─► Carried (what it means) ─► plan
//! C Postfix, in place                                                 ─► plan
//! ```
//!
//! `--back` puts back the files that stood there before, and gives C Postfix its queue.

mod back;
mod carried;
mod esmtp;
mod in_place;
mod msmtp;
mod nullmailer;
mod plan;
mod ssmtp;

pub use self::carried::{Account, Carried, Encryption, Host};
use crate::arguments::{MailSystem, MigrateOptions};
use crate::context::{Context, Done};
use crate::failure::{Failure, Outcome};
use crate::journal::Facts;
use crate::plan::Draft;

/// Migrates, or takes a migration back.
pub fn run(context: &Context, options: &MigrateOptions) -> Outcome {
    context.recover()?;
    let Some(source) = options.source else { return back::run(context) };
    let name = name(source);
    context.voice.heading(&format!("Taking over the settings of {name}"));
    let mut draft = Draft::new(&context.machine);
    if source == MailSystem::Postfix {
        in_place::plan(&mut draft, context)?;
    } else {
        let carried = read(context, options, source)?;
        plan::plan(&mut draft, &context.machine, &carried)?;
    }
    let facts = Facts { migrated_from: Some(name.to_owned()), ..Facts::default() };
    match context.carry_out("migrate", &draft.finish(), facts)? {
        Done::Changed => {
            context.voice.print("  to take it back: postfix-installer migrate --back");
        }
        Done::Nothing => context.voice.print("  nothing to change"),
        Done::Shown => {}
    }
    Ok(())
}

const fn name(source: MailSystem) -> &'static str {
    match source {
        MailSystem::Ssmtp => "ssmtp",
        MailSystem::Msmtp => "msmtp",
        MailSystem::Nullmailer => "nullmailer",
        MailSystem::Esmtp => "esmtp",
        MailSystem::Postfix => "postfix",
    }
}

/// Reads the configuration of a mail system that only sends to another one.
fn read(context: &Context, options: &MigrateOptions, source: MailSystem) -> Outcome<Carried> {
    let root = &context.machine.root;
    let usual: &[&str] = match source {
        MailSystem::Ssmtp => &["/etc/ssmtp/ssmtp.conf", "/etc/ssmtp.conf"],
        MailSystem::Msmtp => &["/etc/msmtprc", "/root/.msmtprc"],
        MailSystem::Nullmailer => &["/etc/nullmailer/remotes"],
        MailSystem::Esmtp => &["/etc/esmtprc", "/root/.esmtprc"],
        MailSystem::Postfix => &[],
    };
    let given = options.from.as_ref().map(|path| (path.clone(), path.clone()));
    let (path, at) = given
        .or_else(|| usual.iter().find(|p| root.has(p)).map(|p| (p.into(), root.at(p))))
        .ok_or_else(|| {
            Failure::new(format!("there is no {}", usual.join(" and no ")))
                .advise("say where it is: --from FILE")
        })?;
    let (at, path) = match (source, at.is_dir()) {
        (MailSystem::Nullmailer, true) => (at.join("remotes"), path.join("remotes")),
        _ => (at, path),
    };
    let bytes = std::fs::read(&at).map_err(|e| Failure::io("read", &path, &e))?;
    let text = String::from_utf8_lossy(&bytes);
    let beside = |name: &str| std::fs::read_to_string(at.with_file_name(name)).ok();
    Ok(match source {
        MailSystem::Ssmtp => ssmtp::read(&text, &beside("revaliases").unwrap_or_default()),
        MailSystem::Msmtp => msmtp::read(&text, &|path| root.text(path)),
        MailSystem::Nullmailer => nullmailer::read(&text, &beside),
        MailSystem::Esmtp | MailSystem::Postfix => esmtp::read(&text),
    })
}
